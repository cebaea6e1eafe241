import './no-telemetry.js';
import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import { StrataError } from '@strata/kernel';
import { createError, runError } from './errors.js';
import type { Tensor, TensorType } from './tensor.js';

export type DeviceKind = 'cpu' | 'webgpu' | 'cuda';

export interface SessionOptions {
  /** Threads inside an operator. The same number gives the same bits on the same processor; default 1. */
  readonly threads?: number;
  readonly device?: DeviceKind;
  /** `basic` keeps the graph close to what was written: for tests of single operators. */
  readonly optimization?: 'disabled' | 'basic' | 'extended' | 'all';
}

export interface ValueDescription {
  readonly name: string;
  readonly dtype: TensorType;
  /** A name stands for a size that the caller chooses. */
  readonly shape: readonly (number | string)[];
}

export interface Session {
  readonly inputs: readonly ValueDescription[];
  readonly outputs: readonly ValueDescription[];
  /**
   * Runs the model. `outputs` is a list of names (default: all) or, to write into memory that the caller owns, tensors by
   * name (`null`: the runtime allocates that one); the answer holds the same tensor objects. Blocks the JavaScript thread
   * while the runtime computes, after one turn of the event loop.
   * @throws StrataError `invalid_input`, `out_of_memory`, `internal`
   */
  run(
    feeds: Readonly<Record<string, Tensor>>,
    outputs?: readonly string[] | Readonly<Record<string, Tensor | null>>,
  ): Promise<Record<string, Tensor>>;
  /** Frees the native memory. A session that is used afterwards throws. */
  release(): Promise<void>;
}

// One native wrapper per tensor object: weights that are fed thousands of times are wrapped once.
const wrapped = new WeakMap<Tensor, OrtTensor>();

function toOrt(t: Tensor): OrtTensor {
  let o = wrapped.get(t);
  if (!o) {
    // onnxruntime-common types its constructor by overloads; the pair (dtype, data) was checked by Tensor's own type
    o = new OrtTensor(t.dtype as 'float32', t.data as Float32Array, t.dims);
    wrapped.set(t, o);
  }
  return o;
}

const TYPES: ReadonlySet<string> = new Set<TensorType>([
  'float32',
  'float64',
  'float16',
  'int64',
  'int32',
  'int8',
  'uint8',
  'bool',
  'string',
]);
const isTensorType = (t: string): t is TensorType => TYPES.has(t);

function fromOrt(o: OrtTensor, name: string): Tensor {
  if (!isTensorType(o.type))
    throw new StrataError('unsupported_operator', `output "${name}" has the type ${o.type}, which Strata does not use`);
  return { dtype: o.type, dims: o.dims, data: o.data as Tensor['data'] };
}

function describe(metadata: readonly InferenceSession.ValueMetadata[]): ValueDescription[] {
  return metadata.map((m) => {
    if (!m.isTensor || !isTensorType(m.type))
      throw new StrataError(
        'invalid_onnx',
        `"${m.name}" of the model is ${m.isTensor ? `of type ${m.type}` : 'not a tensor'}, which Strata does not use`,
        { where: { node: m.name } },
      );
    return { name: m.name, dtype: m.type, shape: m.shape };
  });
}

const PROVIDERS: Record<DeviceKind, InferenceSession.ExecutionProviderConfig[]> = {
  cpu: ['cpu'],
  webgpu: ['webgpu', 'cpu'],
  cuda: ['cuda', 'cpu'],
};

const isNames = (o: readonly string[] | Readonly<Record<string, Tensor | null>>): o is readonly string[] =>
  Array.isArray(o);

/**
 * Loads a model, from bytes or from a file (whose external data then lie beside it). Operators run one after another,
 * with `threads` threads inside each.
 * @throws StrataError `invalid_onnx`, `external_data_outside`, `no_device`, `out_of_memory`
 */
export async function createSession(model: Uint8Array | string, options: SessionOptions = {}): Promise<Session> {
  const device = options.device ?? 'cpu';
  const native = await InferenceSession.create(model as string, {
    executionProviders: PROVIDERS[device],
    intraOpNumThreads: Math.max(1, options.threads ?? 1),
    interOpNumThreads: 1,
    executionMode: 'sequential',
    graphOptimizationLevel: options.optimization ?? 'all',
    logSeverityLevel: 3,
    // workers share their cores with each other and with the services: threads that spin while they wait would take them away
    extra: { session: { intra_op: { allow_spinning: '0' }, inter_op: { allow_spinning: '0' } } },
  }).catch((e: unknown) => {
    throw createError(e, device, typeof model === 'string' ? model : undefined);
  });
  const inputs = describe(native.inputMetadata);
  const outputs = describe(native.outputMetadata);
  const allOutputs: Record<string, null> = Object.fromEntries(outputs.map((o) => [o.name, null]));
  let released = false;

  return {
    inputs,
    outputs,
    async run(feeds, wanted) {
      if (released) throw new StrataError('internal', 'the session was released and cannot run');
      const fetches: Record<string, Tensor | null> = !wanted
        ? allOutputs
        : isNames(wanted)
          ? Object.fromEntries(wanted.map((n) => [n, null]))
          : wanted;
      const ortFeeds: Record<string, OrtTensor> = {};
      for (const name in feeds) ortFeeds[name] = toOrt(feeds[name] as Tensor);
      const ortFetches: Record<string, OrtTensor | null> = {};
      for (const name in fetches) {
        if (!(name in allOutputs))
          throw new StrataError(
            'invalid_input',
            `the model has no output "${name}". It has: ${Object.keys(allOutputs).join(', ')}`,
          );
        const t = fetches[name];
        ortFetches[name] = t ? toOrt(t) : null;
      }
      const result = await native.run(ortFeeds, ortFetches).catch((e: unknown) => {
        throw runError(e);
      });
      const answer: Record<string, Tensor> = {};
      for (const name in fetches) answer[name] = fetches[name] ?? fromOrt(result[name] as OrtTensor, name);
      return answer;
    },
    async release() {
      if (released) return;
      released = true;
      await native.release();
    },
  };
}
