import type { Tensor } from '@strata/runtime';
import type { Feeds } from './trainer.js';

// No import of a value from @strata/runtime: modules that prepare batches in a thread need this file and not the native runtime.

/** Where in a training run a batch stands: for augmentation that must be repeated by a resumed run. */
export interface BatchPlace {
  /** 0-based. */
  readonly epoch: number;
  readonly step: number;
  /** Micro-batch of the step. */
  readonly micro: number;
}

/** Where a training run gets its mini-batches from. */
export interface Batches {
  readonly rows: number;
  /**
   * Feeds of the graph for these rows; `at` is absent outside training. Must depend on nothing but its arguments, or a resumed run cannot repeat it, and must return arrays of its own:
   * between threads they are handed over, not copied.
   */
  feeds(rows: Int32Array, at?: BatchPlace): Feeds;
}

const float32 = (data: Float32Array, dims: readonly number[]): Tensor<'float32'> => ({ dtype: 'float32', dims, data });

/** Rows `rows` of a row-major [*, width] array, as a [rows, width] tensor. */
export function gatherRows(data: Float32Array, width: number, rows: Int32Array): Tensor<'float32'> {
  const out = new Float32Array(rows.length * width);
  for (let i = 0; i < rows.length; i++) {
    const from = (rows[i] as number) * width;
    out.set(data.subarray(from, from + width), i * width);
  }
  return float32(out, [rows.length, width]);
}

/** The same for int64 inputs whose values are kept as int32. */
export function gatherIds(data: Int32Array, width: number, rows: Int32Array): Tensor<'int64'> {
  const out = new BigInt64Array(rows.length * width);
  for (let i = 0; i < rows.length; i++) {
    const from = (rows[i] as number) * width;
    for (let j = 0; j < width; j++) out[i * width + j] = BigInt(data[from + j] as number);
  }
  return { dtype: 'int64', dims: [rows.length, width], data: out };
}

type Shareable = Float32Array | Int32Array | Uint8Array | Uint16Array | BigInt64Array;

/** A copy in memory that threads share, for data that a thread of its own reads: it is not copied again when the thread starts. */
export function shared<T extends Shareable>(data: T): T {
  const make = data.constructor as new (buffer: SharedArrayBuffer) => T;
  const copy = new make(new SharedArrayBuffer(data.byteLength));
  new Uint8Array(copy.buffer).set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  return copy;
}
