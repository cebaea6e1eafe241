import {
  isDeviceTensor,
  openGraph,
  readDevice,
  zeros,
  type DeviceTensor,
  type Session,
  type SessionOptions,
  type Tensor,
} from '@strata/runtime';
import type { Graph } from '@strata/graph';
import { nextName } from './step.js';

type Floats = Tensor<'float32'>;
type Feeds = Readonly<Record<string, Tensor>>;

/** Weights and optimiser state of a graph trainer: tensors whose successors are outputs of a run, under `nextName`. */
export interface StateTensors {
  add(name: string, first: Floats): void;
  /** On the CPU; on a device as of the last `sync`. */
  get(name: string): Floats;
  /** A session for a graph that replaces the tensors `changed`. */
  open(graph: Graph, changed: readonly string[]): Promise<Session>;
  /** Runs a session of `open` on `feeds` and the tensors `fed` and `changed`; writes `outputs`, and puts successors in the place of `changed`. */
  run(
    session: Session,
    feeds: Feeds,
    fed: readonly string[],
    changed: readonly string[],
    outputs: Feeds,
  ): Promise<void>;
  /** Copies what lies on the device to the tensors that `get` gives. */
  sync(): Promise<void>;
  /** Takes the tensors that `get` gives, which were written to, for the next run. */
  written(): void;
  /** Frees the device's memory. */
  release(): void;
}

export const createState = (options: SessionOptions): StateTensors =>
  options.device === 'webgpu' ? deviceState(options) : pairedState(options);

/** Two tensors for each name, that change places when the second has been written. */
function pairedState(options: SessionOptions): StateTensors {
  const now = new Map<string, Floats>();
  const next = new Map<string, Floats>();
  return {
    add(name, first) {
      now.set(name, first);
      next.set(name, zeros('float32', first.dims));
    },
    get: (name) => now.get(name) as Floats,
    open: (graph) => openGraph(graph, { ...options, preallocated: true }),
    async run(session, feeds, fed, changed, outputs) {
      const all: Record<string, Tensor> = { ...feeds };
      const into: Record<string, Tensor> = { ...outputs };
      for (const n of [...fed, ...changed]) all[n] = now.get(n) as Floats;
      for (const n of changed) into[nextName(n)] = next.get(n) as Floats;
      await session.run(all, into);
      for (const n of changed) {
        const old = now.get(n) as Floats;
        now.set(n, next.get(n) as Floats);
        next.set(n, old);
      }
    },
    sync: () => Promise.resolve(),
    written: () => undefined,
    release: () => undefined,
  };
}

/** Tensors that stay in the device's memory between runs. */
function deviceState(options: SessionOptions): StateTensors {
  const host = new Map<string, Floats>();
  const now = new Map<string, Floats | DeviceTensor>();
  const put = (name: string, t: Floats | DeviceTensor): void => {
    const old = now.get(name);
    now.set(name, t);
    if (old && isDeviceTensor(old)) old.dispose();
  };
  return {
    add(name, first) {
      host.set(name, first);
      put(name, first);
    },
    get: (name) => host.get(name) as Floats,
    open: (graph, changed) => openGraph(graph, { ...options, keep: changed.map(nextName) }),
    async run(session, feeds, fed, changed, outputs) {
      const all: Record<string, Tensor | DeviceTensor> = { ...feeds };
      for (const n of [...fed, ...changed]) all[n] = now.get(n) as Floats | DeviceTensor;
      const result = await session.runOnDevice(all);
      for (const [name, t] of Object.entries(outputs))
        (t.data as Float32Array).set((result.outputs[name] as Floats).data);
      for (const n of changed) put(n, result.kept[nextName(n)] as DeviceTensor);
    },
    async sync() {
      for (const [name, t] of now) {
        if (!isDeviceTensor(t)) continue;
        (host.get(name) as Floats).data.set((await readDevice(t)).data as Float32Array);
      }
    },
    written() {
      for (const [name, t] of host) put(name, t);
    },
    release() {
      for (const t of now.values()) if (isDeviceTensor(t)) t.dispose();
    },
  };
}
