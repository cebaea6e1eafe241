import type { DType } from './types.js';

/** TensorProto.DataType of the ONNX specification. */
export const DTYPE_TO_ONNX: Readonly<Record<DType, number>> = {
  float32: 1,
  uint8: 2,
  int8: 3,
  uint16: 4,
  int16: 5,
  int32: 6,
  int64: 7,
  string: 8,
  bool: 9,
  float16: 10,
  float64: 11,
  uint32: 12,
  uint64: 13,
  bfloat16: 16,
};
const FROM = new Map((Object.keys(DTYPE_TO_ONNX) as DType[]).map((d) => [DTYPE_TO_ONNX[d], d]));

/** @returns undefined for a type that Strata does not carry (complex, 8- and 4-bit floats, 4-bit integers) */
export const dtypeFromOnnx = (n: number): DType | undefined => FROM.get(n);
