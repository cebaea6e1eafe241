import type { Datatype } from '@strata/contracts';
import type { TensorType } from '@strata/runtime';

/** Open Inference Protocol name of each element type. */
export const DTYPE: Readonly<Record<Datatype, TensorType>> = {
  BOOL: 'bool',
  INT8: 'int8',
  UINT8: 'uint8',
  INT32: 'int32',
  INT64: 'int64',
  FP16: 'float16',
  FP32: 'float32',
  FP64: 'float64',
  BYTES: 'string',
};

export const DATATYPE = Object.fromEntries(Object.entries(DTYPE).map(([k, v]) => [v, k])) as Readonly<
  Record<TensorType, Datatype>
>;

/** Number of elements; the empty shape is a scalar. (Not from @strata/runtime: that would load the native library.) */
export const countOf = (dims: readonly number[]): number => dims.reduce((a, b) => a * b, 1);

export const shapeText = (dims: readonly number[]): string => `[${dims.join(', ')}]`;
