import type { ModelManifest } from '@strata/contracts';
import { StrataError, toStrataError } from '@strata/kernel';
import type { DeviceKind, Tensor } from '@strata/runtime';
import { checkTensors } from '../check.js';
import { createBatcher, type Batcher, type Batching, type Inferred } from './batcher.js';
import { startModelThread, type ModelThread, type ThreadProgram } from './model-thread.js';

export interface ModelHostOptions {
  /** Processor threads of each model. */
  readonly threads?: number;
  readonly device?: DeviceKind;
  /** Models kept open; beyond them the one that was not used for longest is closed. */
  readonly maxModels?: number;
  readonly batching?: Partial<Batching>;
  /** Another script for a model's thread, for tests. */
  readonly thread?: ThreadProgram;
  /** A model was closed: by `unload`, to make room, or because another took its place. */
  readonly onUnload?: (model: { name: string; version: string; dir: string }) => void | Promise<void>;
  /** A model's thread ended by itself. */
  readonly onCrash?: (model: { name: string; version: string }, error: StrataError) => void;
}

export type ModelState = 'READY' | 'LOADING' | 'UNAVAILABLE';

/** Counters since the model was loaded; times in milliseconds, summed over requests: one execution counts for each request that shared it. */
export interface ModelStatistics {
  readonly name: string;
  readonly version: string;
  readonly success: number;
  readonly failure: number;
  /** Rows inferred; divided by `execCount` it is the mean batch. */
  readonly count: number;
  readonly execCount: number;
  readonly pending: number;
  readonly requestMs: number;
  readonly queueMs: number;
  readonly computeMs: number;
  readonly lastUsedAt: number;
}

export interface ModelHost {
  /**
   * Opens a model folder under a name and version; the same folder again is no work, another folder takes its place.
   * @throws StrataError `invalid_model`, `invalid_onnx`, `no_device`
   */
  load(name: string, version: string, dir: string): Promise<ModelManifest>;
  /** Without a version, all of them. @throws StrataError `not_found` */
  unload(name: string, version?: string): Promise<void>;
  /**
   * Runs the model; requests that come together share an execution. An empty version means the highest one that is loaded.
   * @throws StrataError `not_found` (not loaded here), `invalid_input`, `worker_crashed`
   */
  infer(
    name: string,
    version: string,
    inputs: Readonly<Record<string, Tensor>>,
    outputs?: readonly string[],
  ): Promise<Inferred & { readonly version: string }>;
  /** @throws StrataError `not_found` */
  describe(name: string, version?: string): { version: string; versions: string[]; manifest: ModelManifest };
  ready(name: string, version?: string): boolean;
  index(): { name: string; version: string; state: ModelState; reason: string }[];
  statistics(): ModelStatistics[];
  close(): Promise<void>;
}

interface Entry {
  readonly name: string;
  readonly version: string;
  readonly dir: string;
  readonly batcher: Batcher;
  /** Absent after a crash, until the next request. */
  thread: Promise<ModelThread> | undefined;
  manifest: ModelManifest | undefined;
  reason: string;
  lastUsedAt: number;
  success: number;
  failure: number;
  count: number;
  execCount: number;
  requestMs: number;
  queueMs: number;
  computeMs: number;
}

const DEFAULT_BATCHING: Batching = { maxBatchSize: 64, maxQueueDelayMicroseconds: 0 };

/** Models in threads of this process. A thread that dies takes its requests with it, and is started again by the next one. */
export function createModelHost(options: ModelHostOptions = {}): ModelHost {
  const program = options.thread ?? { entry: new URL('./thread.js', import.meta.url) };
  const maxModels = options.maxModels ?? 16;
  const batching = { ...DEFAULT_BATCHING, ...options.batching };
  const entries = new Map<string, Entry>();
  const key = (name: string, version: string): string => JSON.stringify([name, version]);

  const open = (entry: Entry): Promise<ModelThread> => {
    entry.thread ??= startModelThread(
      program,
      { dir: entry.dir, threads: options.threads ?? 1, device: options.device ?? 'cpu' },
      (e) => {
        entry.thread = undefined;
        entry.reason = e.message;
        options.onCrash?.({ name: entry.name, version: entry.version }, e);
      },
    ).then(
      (thread) => {
        entry.manifest = thread.manifest;
        entry.reason = '';
        return thread;
      },
      (e: unknown) => {
        entry.thread = undefined;
        entry.reason = toStrataError(e).message;
        throw e;
      },
    );
    return entry.thread;
  };

  const create = (name: string, version: string, dir: string): Entry => {
    const entry: Entry = {
      name,
      version,
      dir,
      batcher: createBatcher(
        async (inputs, outputs) => (await open(entry)).run(inputs, outputs),
        batching,
        (rows) => {
          entry.execCount++;
          entry.count += rows;
        },
      ),
      thread: undefined,
      manifest: undefined,
      reason: '',
      lastUsedAt: Date.now(),
      success: 0,
      failure: 0,
      count: 0,
      execCount: 0,
      requestMs: 0,
      queueMs: 0,
      computeMs: 0,
    };
    return entry;
  };

  const drop = async (entry: Entry): Promise<void> => {
    if (entries.get(key(entry.name, entry.version)) === entry) entries.delete(key(entry.name, entry.version));
    const thread = await entry.thread?.catch(() => undefined);
    await thread?.close();
    await options.onUnload?.({ name: entry.name, version: entry.version, dir: entry.dir });
  };

  const makeRoom = async (loaded: Entry): Promise<void> => {
    const others = [...entries.values()].filter((e) => e !== loaded).sort((a, b) => a.lastUsedAt - b.lastUsedAt);
    await Promise.all(others.slice(0, Math.max(0, entries.size - maxModels)).map(drop));
  };

  const versionsOf = (name: string): Entry[] =>
    [...entries.values()]
      .filter((e) => e.name === name)
      .sort((a, b) => a.version.localeCompare(b.version, 'en', { numeric: true }));

  const find = (name: string, version = ''): Entry => {
    const entry = version === '' ? versionsOf(name).at(-1) : entries.get(key(name, version));
    if (entry) return entry;
    throw new StrataError('not_found', `model "${name}"${version && ` version "${version}"`} is not loaded`, {
      where: { field: 'model_name' },
    });
  };

  const manifestOf = async (entry: Entry): Promise<ModelManifest> => entry.manifest ?? (await open(entry)).manifest;

  return {
    async load(name, version, dir) {
      const present = entries.get(key(name, version));
      if (present && present.dir === dir) return manifestOf(present);
      const entry = create(name, version, dir);
      entries.set(key(name, version), entry);
      try {
        const { manifest } = await open(entry);
        if (present) await drop(present);
        await makeRoom(entry);
        return manifest;
      } catch (e) {
        entries.delete(key(name, version));
        if (present) entries.set(key(name, version), present);
        throw e;
      }
    },

    async unload(name, version) {
      const found = version ? [find(name, version)] : versionsOf(name);
      if (found.length === 0) find(name);
      await Promise.all(found.map(drop));
    },

    async infer(name, version, inputs, wanted) {
      const entry = find(name, version);
      const started = performance.now();
      entry.lastUsedAt = Date.now();
      try {
        const manifest = await manifestOf(entry);
        const outputs = wanted && wanted.length > 0 ? wanted : manifest.outputs.map((o) => o.name);
        checkTensors(manifest, inputs, outputs);
        const result = await entry.batcher.infer(inputs, outputs, batchable(manifest));
        entry.success++;
        entry.queueMs += result.queueMs;
        entry.computeMs += result.computeMs;
        return { ...result, version: entry.version };
      } catch (e) {
        entry.failure++;
        throw e;
      } finally {
        entry.requestMs += performance.now() - started;
      }
    },

    describe(name, version) {
      const entry = find(name, version);
      if (!entry.manifest) throw new StrataError('unavailable', `model "${name}" is still being loaded`);
      return {
        version: entry.version,
        versions: versionsOf(name).map((e) => e.version),
        manifest: entry.manifest,
      };
    },

    ready: (name, version) => {
      const entry = version ? entries.get(key(name, version)) : versionsOf(name).at(-1);
      return entry?.manifest !== undefined;
    },

    index: () =>
      [...entries.values()].map((e) => ({
        name: e.name,
        version: e.version,
        state: e.manifest === undefined ? 'LOADING' : e.reason === '' ? 'READY' : 'UNAVAILABLE',
        reason: e.reason,
      })),

    statistics: () =>
      [...entries.values()].map((e) => ({
        name: e.name,
        version: e.version,
        success: e.success,
        failure: e.failure,
        count: e.count,
        execCount: e.execCount,
        pending: e.batcher.pending,
        requestMs: e.requestMs,
        queueMs: e.queueMs,
        computeMs: e.computeMs,
        lastUsedAt: e.lastUsedAt,
      })),

    close: async () => void (await Promise.all([...entries.values()].map(drop))),
  };
}

/** Rows can be joined when every input and output has the free size in front, and only there. */
const batchable = (m: ModelManifest): boolean =>
  [...m.inputs, ...m.outputs].every((t) => t.shape[0] === -1) &&
  m.outputs.every((t) => t.shape.slice(1).every((d) => d >= 0));
