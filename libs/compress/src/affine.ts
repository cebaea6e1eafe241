import { elements, tensor, toNumbers, type TensorData } from '@strata/graph';

export type WeightType = 'int8' | 'uint8';

/** A matrix in 8 bits: w ≈ (q - zero) · scale, one scale for each slice of an axis, or one for all. */
export interface QuantizedWeight {
  readonly q: TensorData;
  /** float32 [channels] or []. */
  readonly scale: TensorData;
  /** 0 for int8, 128 for uint8: weights are symmetric, so that 0 stays 0. */
  readonly zero: number;
  /** Largest |w - (q - zero) · scale|: at most half a step. */
  readonly maxError: number;
}

export interface WeightOptions {
  readonly type: WeightType;
  /** Axis with one scale for each index; undefined: one scale. */
  readonly axis: number | undefined;
  /** 7 bits instead of 8: sums of two products fit into 16 bits on processors whose instructions saturate there. */
  readonly reduceRange: boolean;
}

/**
 * Symmetric quantisation to nearest, ties to even (as ONNX QuantizeLinear): scale = max|w| / limit with limit 127 (63 with a reduced range). A slice of zeros gets scale 1.
 * @param weight float32 matrix [rows, columns]
 */
export function quantizeWeight(weight: TensorData, options: WeightOptions): QuantizedWeight {
  const { type, axis, reduceRange } = options;
  const limit = reduceRange ? 63 : 127;
  const zero = type === 'int8' ? 0 : 128;
  const values = toNumbers(weight);
  const [rows = 1, columns = 1] = weight.dims;
  const channels = axis === undefined ? 1 : axis === 0 ? rows : columns;
  const channelOf = (i: number): number =>
    axis === undefined ? 0 : axis === 0 ? Math.floor(i / columns) : i % columns;
  const largest = new Float64Array(channels);
  values.forEach((w, i) => {
    const c = channelOf(i);
    largest[c] = Math.max(largest[c] ?? 0, Math.abs(w));
  });
  const scale = Float32Array.from(largest, (m) => (m === 0 ? 1 : m / limit));
  const q = type === 'int8' ? new Int8Array(elements(weight.dims)) : new Uint8Array(elements(weight.dims));
  let maxError = 0;
  values.forEach((w, i) => {
    const s = scale[channelOf(i)] ?? 1;
    const steps = Math.max(-limit, Math.min(limit, roundToEven(w / s)));
    q[i] = steps + zero;
    maxError = Math.max(maxError, Math.abs(w - steps * s));
  });
  return {
    q: q instanceof Int8Array ? tensor('int8', weight.dims, q) : tensor('uint8', weight.dims, q),
    scale: tensor('float32', axis === undefined ? [] : [channels], scale),
    zero,
    maxError,
  };
}

function roundToEven(x: number): number {
  const floor = Math.floor(x);
  const rest = x - floor;
  if (rest !== 0.5) return Math.round(x);
  return floor % 2 === 0 ? floor : floor + 1;
}

/** The matrix with rows and columns exchanged. */
export function transposed(weight: TensorData): TensorData {
  const [rows = 1, columns = 1] = weight.dims;
  const from = weight.data as Float32Array;
  const to = new Float32Array(from.length);
  for (let r = 0; r < rows; r++) for (let c = 0; c < columns; c++) to[c * rows + r] = from[r * columns + c] ?? 0;
  return tensor('float32', [columns, rows], to);
}
