import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { SHARE_ENV, Worker } from 'node:worker_threads';
import { deserializeError, StrataError } from '@strata/kernel';
import type { Batches } from './batches.js';
import type { Part, ThreadAnswer, ThreadData, ThreadRequest } from './data-thread.js';
import type { Feeds } from './trainer.js';

/** Batches that can be prepared in a thread of their own: `create` and the export `createBatches` of `module` are the same function. */
export interface BatchModule<I = never> {
  readonly rows: number;
  readonly create: (init: I) => Batches;
  /** Argument of `create`. It is cloned into the thread; arrays in shared memory (`shared`) are not copied. */
  readonly init: I;
  readonly module: URL;
  /** `auto` (the default) starts a thread when preparing the batches would hold the training up for seconds in all. */
  readonly thread?: boolean | 'auto';
  /** How the thread starts where the sources have not been built. */
  readonly program?: { readonly entry: URL; readonly execArgv?: readonly string[] };
}

/** A source of batches whose module is known by `create` alone. */
export type BatchSource = Batches | BatchModule<unknown>;

/** Describes batches for a thread; checks that `create` takes `init`. */
export const batchModule = <I>(options: BatchModule<I>): BatchModule<unknown> => options as BatchModule<unknown>;

/** Prepares the batches of training steps, some steps ahead when a thread does it. */
export interface Loader {
  /** Steps that may be asked for ahead: 0 when batches are made on demand, in this thread. */
  readonly ahead: number;
  load(parts: readonly Part[]): Promise<readonly Feeds[]>;
  close(): Promise<void>;
}

const AHEAD = 2;
/** Steps whose preparation is timed before `auto` decides. */
const PROBES = 4;
/** Milliseconds of preparation in all that a thread is worth; its start takes some tens. */
const WORTH = 1000;

const isModule = (s: BatchSource): s is BatchModule<unknown> => 'create' in s;

/** @param steps how many steps are still to be loaded */
export function createLoader(source: BatchSource, steps: number): Loader {
  if (!isModule(source)) return inProcess(source);
  const { thread = 'auto' } = source;
  if (thread === true) return inThread(source);
  const here = inProcess(source.create(source.init));
  if (thread === false || !canStart(source)) return here;
  let loader = here;
  let spent = 0;
  let asked = 0;
  return {
    get ahead() {
      return loader.ahead;
    },
    async load(parts) {
      if (loader !== here) return loader.load(parts);
      const began = performance.now();
      const feeds = await here.load(parts);
      spent += performance.now() - began;
      if (++asked === PROBES && (spent / asked) * (steps - asked) > WORTH) loader = inThread(source);
      return feeds;
    },
    close: () => loader.close(),
  };
}

const inProcess = (batches: Batches): Loader => ({
  ahead: 0,
  load: (parts) => Promise.resolve().then(() => parts.map(({ rows, at }) => batches.feeds(rows, at))),
  close: () => Promise.resolve(),
});

const BUILT = new URL('./data-thread.js', import.meta.url);
const canStart = ({ program }: BatchModule<unknown>): boolean =>
  program !== undefined || existsSync(fileURLToPath(BUILT));

function inThread({ module, init, program }: BatchModule<unknown>): Loader {
  // the environment is shared: a module that loads the native runtime reads its switches there
  const worker = new Worker(program?.entry ?? BUILT, {
    workerData: { module: module.href, init } satisfies ThreadData,
    env: SHARE_ENV,
    ...(program?.execArgv ? { execArgv: [...program.execArgv] } : {}),
  });
  const waiting = new Map<number, { resolve: (f: readonly Feeds[]) => void; reject: (e: StrataError) => void }>();
  let nextId = 0;
  let ended: StrataError | undefined;
  let cause: unknown;
  worker.on('error', (e) => (cause = e)); // 'exit' follows
  worker.on('exit', (code) => {
    const why = cause instanceof Error ? cause.message : `code ${code}`;
    ended = new StrataError('worker_crashed', `the thread that prepares batches ended: ${why}`, { cause });
    for (const w of waiting.values()) w.reject(ended);
    waiting.clear();
  });
  worker.on('message', (answer: ThreadAnswer) => {
    const asked = waiting.get(answer.id);
    waiting.delete(answer.id);
    if ('error' in answer) asked?.reject(deserializeError(answer.error));
    else asked?.resolve(answer.feeds);
  });
  return {
    ahead: AHEAD,
    load(parts) {
      const promise = new Promise<readonly Feeds[]>((resolve, reject) => {
        if (ended) return reject(ended);
        // a clone of a view would carry all of what it is a view of
        const request: ThreadRequest = { id: nextId++, parts: parts.map((p) => ({ ...p, rows: p.rows.slice() })) };
        waiting.set(request.id, { resolve, reject });
        worker.postMessage(request);
      });
      // who asked ahead may never come to wait for it
      promise.catch(() => undefined);
      return promise;
    },
    async close() {
      await worker.terminate();
    },
  };
}
