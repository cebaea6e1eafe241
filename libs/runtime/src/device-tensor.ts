import { GraphBuilder, toOnnx, type DType } from '@strata/graph';
import type { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import { StrataError } from '@strata/kernel';
import { runError } from './errors.js';
import { fromOrt, loadNative, toOrt, typeOf, type DeviceKind } from './native.js';
import type { Tensor, TensorType } from './tensor.js';

/** A tensor in a device's memory: an output of `runOnDevice` that can be fed back without leaving the device. */
export interface DeviceTensor {
  readonly dtype: TensorType;
  readonly dims: readonly number[];
  readonly device: DeviceKind;
  /** Frees its memory at once. A tensor that is used afterwards throws. */
  dispose(): void;
}

const native = new WeakMap<DeviceTensor, OrtTensor>();

export const isDeviceTensor = (t: Tensor | DeviceTensor): t is DeviceTensor => !('data' in t);

/** Wraps an output of the runtime that lies in the device's memory, or on the CPU where the device cannot hand it out. */
export function deviceTensor(o: OrtTensor, name: string, device: DeviceKind): DeviceTensor {
  const t: DeviceTensor = {
    dtype: typeOf(o, name),
    dims: o.dims,
    device,
    dispose: () => {
      if (native.delete(t) && o.location !== 'cpu') o.dispose();
    },
  };
  native.set(t, o);
  return t;
}

/** What the runtime is fed for either kind of tensor. */
export function feedOf(t: Tensor | DeviceTensor, name: string): OrtTensor {
  if (!isDeviceTensor(t)) return toOrt(t);
  const o = native.get(t);
  if (!o) throw new StrataError('internal', `the device tensor fed as "${name}" was disposed of`);
  return o;
}

// Copies to the CPU go through a model of one Identity: `getData()` of a WebGPU tensor aborts the process in ONNX Runtime 1.30.
const readers = new Map<string, Promise<InferenceSession>>();

function reader(dtype: TensorType, rank: number): Promise<InferenceSession> {
  const key = `${dtype} ${rank}`;
  let session = readers.get(key);
  if (!session) {
    const b = new GraphBuilder('read');
    const shape = Array.from({ length: rank }, (_, i) => `d${i}`);
    b.output('y', b.op.Identity(b.input('x', dtype satisfies DType, shape)));
    session = loadNative(toOnnx(b.build()), { device: 'webgpu' });
    readers.set(key, session);
  }
  return session;
}

/** Copies a tensor from the device to the CPU. @throws StrataError `internal` when it was disposed of */
export async function readDevice(t: DeviceTensor): Promise<Tensor> {
  const o = feedOf(t, 'x');
  if (o.location === 'cpu') return fromOrt(o, 'x');
  const session = await reader(t.dtype, t.dims.length);
  const { y } = await session.run({ x: o }, ['y']).catch((e: unknown) => {
    throw runError(e);
  });
  return fromOrt(y as OrtTensor, 'y');
}
