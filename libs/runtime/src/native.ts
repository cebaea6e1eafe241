import './no-telemetry.js';
import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import { StrataError } from '@strata/kernel';
import { missingDevice } from './devices.js';
import { createError } from './errors.js';
import type { Tensor, TensorType } from './tensor.js';

export type DeviceKind = 'cpu' | 'webgpu' | 'cuda';

export interface SessionOptions {
  /** Threads inside an operator. The same number gives the same bits on the same processor; default 1. */
  readonly threads?: number;
  readonly device?: DeviceKind;
  /** `basic` keeps the graph close to what was written: for tests of single operators. */
  readonly optimization?: 'disabled' | 'basic' | 'extended' | 'all';
  /** Threads that wait for work stay awake. Faster where the process has its cores to itself, a loss where it shares them; default false. */
  readonly spin?: boolean;
  /**
   * Runs give all outputs as tensors of the caller, as a training step does, and the model is given as bytes. Then nothing is copied: without this the runtime's binding copies
   * each output once more into fresh memory, 0.5 ms for each MB.
   */
  readonly preallocated?: boolean;
  /** Outputs that `runOnDevice` leaves in the device's memory. */
  readonly keep?: readonly string[];
}

/** What only this library sets. */
export interface NativeOptions {
  /** Where the runtime writes its profile when the session ends. */
  readonly profilePrefix?: string;
}

const PROVIDERS: Record<DeviceKind, InferenceSession.ExecutionProviderConfig[]> = {
  cpu: ['cpu'],
  webgpu: ['webgpu', 'cpu'],
  cuda: ['cuda', 'cpu'],
};

// This fusion makes FusedMatMul of Transpose and MatMul, an operator that the WebGPU provider lacks: operands would travel to the CPU and back.
const UNWANTED: Partial<Record<DeviceKind, string>> = { webgpu: 'MatmulTransposeFusion' };

/**
 * Loads a model into the runtime. Operators run one after another, with `threads` threads inside each.
 * @throws StrataError `invalid_onnx`, `external_data_outside`, `no_device`, `out_of_memory`
 */
export async function loadNative(
  model: Uint8Array | string,
  options: SessionOptions,
  { profilePrefix }: NativeOptions = {},
): Promise<InferenceSession> {
  const device = options.device ?? 'cpu';
  const missing = missingDevice(device);
  if (missing) throw missing;
  const unwanted = UNWANTED[device];
  const spinning = options.spin ? '1' : '0';
  return InferenceSession.create(model as string, {
    executionProviders: PROVIDERS[device],
    intraOpNumThreads: Math.max(1, options.threads ?? 1),
    interOpNumThreads: 1,
    executionMode: 'sequential',
    graphOptimizationLevel: options.optimization ?? 'all',
    // a plan of all allocations would be held beside the arena that the first run has filled: twice the memory for no time that could be measured
    enableMemPattern: false,
    logSeverityLevel: 3,
    ...(profilePrefix === undefined ? {} : { enableProfiling: true, profileFilePrefix: profilePrefix }),
    // only WebGPU buffers can be handed out and fed back; elsewhere what is kept is kept on the CPU
    ...(device === 'webgpu' && options.keep
      ? { preferredOutputLocation: Object.fromEntries(options.keep.map((name) => [name, 'gpu-buffer' as const])) }
      : {}),
    extra: {
      // workers share their cores with each other and with the services: threads that spin while they wait would take them away
      session: { intra_op: { allow_spinning: spinning }, inter_op: { allow_spinning: '0' } },
      ...(unwanted === undefined ? {} : { optimization: { disable_specified_optimizers: unwanted } }),
    },
  }).catch((e: unknown) => {
    throw createError(e, device, typeof model === 'string' ? model : undefined);
  });
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
export const isTensorType = (t: string): t is TensorType => TYPES.has(t);

// One native wrapper per tensor object: weights that are fed thousands of times are wrapped once.
const wrapped = new WeakMap<Tensor, OrtTensor>();

/** The runtime's view of a tensor, over the same memory. */
export function toOrt(t: Tensor): OrtTensor {
  let o = wrapped.get(t);
  if (!o) {
    // onnxruntime-common types its constructor by overloads; the pair (dtype, data) was checked by Tensor's own type
    o = new OrtTensor(t.dtype as 'float32', t.data as Float32Array, t.dims);
    wrapped.set(t, o);
  }
  return o;
}

/** @throws StrataError `unsupported_operator` for an element type that Strata does not use */
export function typeOf(o: OrtTensor, name: string): TensorType {
  if (!isTensorType(o.type))
    throw new StrataError('unsupported_operator', `output "${name}" has the type ${o.type}, which Strata does not use`);
  return o.type;
}

/** A tensor of the runtime that lies on the CPU, without a copy. */
export const fromOrt = (o: OrtTensor, name: string): Tensor => ({
  dtype: typeOf(o, name),
  dims: o.dims,
  data: o.data as Tensor['data'],
});
