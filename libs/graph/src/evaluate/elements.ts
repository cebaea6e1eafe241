import { broadcast, isStatic } from '../dims.js';
import { elements, fromHalf, isBig, tensorOf } from '../tensor.js';
import type { DType, TensorData } from '../types.js';

export type Scalar = number | bigint;

/** Elements as JavaScript has them: 64-bit integers as bigints, so that "to the end" keeps its value. Undefined for types that are not computed with. */
export function scalars(t: TensorData): Scalar[] | undefined {
  if (t.dtype === 'string' || t.dtype === 'bfloat16') return undefined;
  if (t.dtype === 'float16') return Array.from(t.data as Uint16Array, fromHalf);
  return Array.from(t.data as ArrayLike<Scalar>);
}

/** A tensor from computed elements: integers wrap, float32 rounds, as the runtime does. */
export const made = (dtype: DType, dims: readonly number[], values: readonly Scalar[]): TensorData =>
  tensorOf(
    dtype,
    dims,
    isBig(dtype)
      ? values.map((v) => (dtype === 'int64' ? BigInt.asIntN(64, whole(v)) : BigInt.asUintN(64, whole(v))))
      : values,
  );

const whole = (v: Scalar): bigint => (typeof v === 'bigint' ? v : BigInt(Math.trunc(v)));

export const strides = (dims: readonly number[]): number[] => {
  const out: number[] = [];
  let n = 1;
  for (let i = dims.length - 1; i >= 0; i--) {
    out[i] = n;
    n *= dims[i] ?? 1;
  }
  return out;
};

/** Positions in row-major order, as indices along each axis. */
export function* positions(dims: readonly number[]): Generator<readonly number[]> {
  const n = elements(dims);
  const steps = strides(dims);
  for (let i = 0; i < n; i++) yield dims.map((d, axis) => Math.floor(i / (steps[axis] ?? 1)) % d);
}

/** Reads a tensor as if it had the broadcast shape. */
function spread(t: TensorData, values: readonly Scalar[], dims: readonly number[]): Scalar[] {
  if (t.dims.length === dims.length && t.dims.every((d, i) => d === dims[i])) return [...values];
  const own = strides(t.dims);
  const lead = dims.length - t.dims.length;
  return Array.from(positions(dims), (at) => {
    let k = 0;
    t.dims.forEach((d, axis) => (k += d === 1 ? 0 : (at[axis + lead] ?? 0) * (own[axis] ?? 0)));
    return values[k] ?? 0;
  });
}

/** Element by element over broadcast operands; undefined when they do not fit. */
export function elementwise(
  operands: readonly TensorData[],
  f: (...values: Scalar[]) => Scalar | boolean,
  dtype: DType,
): TensorData | undefined {
  const dims = broadcast(...operands.map((t) => t.dims));
  const lists = operands.map(scalars);
  if (!dims || !isStatic(dims) || lists.some((l) => !l)) return undefined;
  const rows = operands.map((t, i) => spread(t, lists[i] ?? [], dims));
  const n = elements(dims);
  const out: Scalar[] = [];
  for (let i = 0; i < n; i++) out.push(toScalar(f(...rows.map((r) => r[i] ?? 0))));
  return made(dtype, dims, out);
}

const toScalar = (v: Scalar | boolean): Scalar => (typeof v === 'boolean' ? (v ? 1 : 0) : v);

/** Elements in the order of another tensor's, `from` giving each one's place. Keeps the bits, also of strings and halves. */
export function picked(t: TensorData, dims: readonly number[], from: ArrayLike<number>): TensorData {
  const data = t.data;
  if (Array.isArray(data)) return { dtype: t.dtype, dims, data: Array.from(from, (i) => String(data[i] ?? '')) };
  const typed = data as Exclude<TensorData['data'], string[]>;
  const out = typed.slice(0, 0).constructor as new (n: number) => typeof typed;
  const copy = new out(from.length);
  for (let i = 0; i < from.length; i++) copy[i] = typed[from[i] ?? 0] ?? (isBig(t.dtype) ? 0n : 0);
  return { dtype: t.dtype, dims, data: copy };
}
