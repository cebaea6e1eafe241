import type { Rng } from '@strata/kernel';
import { tensor, type Tensor } from '@strata/runtime';

/** Where a training run gets its mini-batches from. */
export interface Batches {
  readonly rows: number;
  /** Feeds of the graph for these rows. Must depend on nothing but its arguments, or a resumed run cannot repeat it. */
  feeds(rows: Int32Array): Readonly<Record<string, Tensor>>;
}

/** Rows `rows` of a row-major [*, width] array, as a [rows, width] tensor. */
export function gatherRows(data: Float32Array, width: number, rows: Int32Array): Tensor<'float32'> {
  const out = new Float32Array(rows.length * width);
  for (let i = 0; i < rows.length; i++) {
    const from = (rows[i] as number) * width;
    out.set(data.subarray(from, from + width), i * width);
  }
  return tensor.float32(out, [rows.length, width]);
}

/** The same for int64 inputs whose values are kept as int32. */
export function gatherIds(data: Int32Array, width: number, rows: Int32Array): Tensor<'int64'> {
  const out = new BigInt64Array(rows.length * width);
  for (let i = 0; i < rows.length; i++) {
    const from = (rows[i] as number) * width;
    for (let j = 0; j < width; j++) out[i * width + j] = BigInt(data[from + j] as number);
  }
  return tensor.int64(out, [rows.length, width]);
}

/** The order of an epoch's rows: a pure function of seed and epoch, so a checkpoint need not hold it. */
export function epochOrder(rng: Rng, rows: number, epoch: number): Int32Array {
  const order = new Int32Array(rows);
  for (let i = 0; i < rows; i++) order[i] = i;
  return rng.fork(`epoch ${epoch}`).shuffle(order);
}
