import { StrataError } from '@strata/kernel';

/** Element types that the runtime takes and gives. `bool` is stored as one byte, `int64` as BigInt. */
export interface TypedArrays {
  float32: Float32Array;
  float64: Float64Array;
  float16: Uint16Array;
  int64: BigInt64Array;
  int32: Int32Array;
  int8: Int8Array;
  uint8: Uint8Array;
  bool: Uint8Array;
  string: string[];
}
export type TensorType = keyof TypedArrays;

/** A dense array in row-major order, on the CPU. Structurally the same as a graph's `TensorData`. */
export interface Tensor<T extends TensorType = TensorType> {
  readonly dtype: T;
  readonly dims: readonly number[];
  readonly data: TypedArrays[T];
}

/** Number of elements; the empty shape is a scalar. */
export const sizeOf = (dims: readonly number[]): number => dims.reduce((a, b) => a * b, 1);

function make<T extends TensorType>(dtype: T, data: TypedArrays[T], dims: readonly number[]): Tensor<T> {
  if (data.length !== sizeOf(dims))
    throw new StrataError(
      'invalid_input',
      `a ${dtype} tensor of shape [${dims.join(', ')}] needs ${sizeOf(dims)} values but got ${data.length}`,
    );
  return { dtype, dims, data };
}

/** Makes tensors from plain numbers or, without a copy, from the typed array of their type. */
export const tensor = {
  float32: (data: Float32Array | readonly number[], dims: readonly number[]) =>
    make('float32', data instanceof Float32Array ? data : Float32Array.from(data), dims),
  float64: (data: Float64Array | readonly number[], dims: readonly number[]) =>
    make('float64', data instanceof Float64Array ? data : Float64Array.from(data), dims),
  int64: (data: BigInt64Array | Int32Array | readonly number[], dims: readonly number[]) =>
    make('int64', data instanceof BigInt64Array ? data : BigInt64Array.from(data, (x) => BigInt(x)), dims),
  int32: (data: Int32Array | readonly number[], dims: readonly number[]) =>
    make('int32', data instanceof Int32Array ? data : Int32Array.from(data), dims),
  int8: (data: Int8Array | readonly number[], dims: readonly number[]) =>
    make('int8', data instanceof Int8Array ? data : Int8Array.from(data), dims),
  uint8: (data: Uint8Array | readonly number[], dims: readonly number[]) =>
    make('uint8', data instanceof Uint8Array ? data : Uint8Array.from(data), dims),
  bool: (data: Uint8Array | readonly boolean[], dims: readonly number[]) =>
    make('bool', data instanceof Uint8Array ? data : Uint8Array.from(data, Number), dims),
  string: (data: string[], dims: readonly number[]) => make('string', data, dims),
  scalar: (value: number) => make('float32', Float32Array.of(value), []),
};

const ALLOCATE: { [T in TensorType]: (n: number) => TypedArrays[T] } = {
  float32: (n) => new Float32Array(n),
  float64: (n) => new Float64Array(n),
  float16: (n) => new Uint16Array(n),
  int64: (n) => new BigInt64Array(n),
  int32: (n) => new Int32Array(n),
  int8: (n) => new Int8Array(n),
  uint8: (n) => new Uint8Array(n),
  bool: (n) => new Uint8Array(n),
  string: (n) => Array.from({ length: n }, () => ''),
};

/** A tensor of zeros (empty strings): a preallocated output, or an optimiser's first state. */
export function zeros<T extends TensorType>(dtype: T, dims: readonly number[]): Tensor<T> {
  return { dtype, dims, data: ALLOCATE[dtype](sizeOf(dims)) };
}

/**
 * The values as float32, for a model that gives floats.
 * @throws StrataError `invalid_model` when the tensor is absent or of another type
 */
export function float32Of(t: Tensor | undefined, name: string): Float32Array {
  if (t?.dtype === 'float32' && t.data instanceof Float32Array) return t.data;
  throw new StrataError('invalid_model', `the model's output "${name}" is ${t ? t.dtype : 'absent'}, not float32`, {
    where: { node: name },
  });
}

/**
 * The values as strings, for a model that gives labels.
 * @throws StrataError `invalid_model` when the tensor is absent or of another type
 */
export function stringsOf(t: Tensor | undefined, name: string): string[] {
  if (t?.dtype === 'string' && Array.isArray(t.data)) return t.data;
  throw new StrataError('invalid_model', `the model's output "${name}" is ${t ? t.dtype : 'absent'}, not string`, {
    where: { node: name },
  });
}
