import type { HashedNgrams } from '@strata/contracts';
import { hashNgrams } from '@strata/data';
import { StrataError } from '@strata/kernel';
import type { PoolingMode } from '../../shared/ngram-params.js';
import type { EncoderActivation } from './params.js';

export interface EncoderLayer {
  /** [in, out], row-major. */
  readonly weight: Float32Array;
  readonly bias: Float32Array;
}

/** All that a trained model knows, as plain arrays. */
export interface EncoderWeights {
  readonly ngrams: HashedNgrams;
  readonly pooling: PoolingMode;
  /** Row of the table for each id, [buckets + 1]. */
  readonly rows: Int32Array;
  /** Weight of each row. */
  readonly idf: Float32Array;
  /** [rows, width]. */
  readonly table: Float32Array;
  readonly layers: readonly EncoderLayer[];
  readonly activation: EncoderActivation;
}

/** Lengths below this count for nothing: the vector of a text without known n-grams is 0. */
export const SHORTEST = 1e-6;

const APPLY: Readonly<Record<EncoderActivation, (x: number) => number>> = {
  tanh: Math.tanh,
  relu: (x) => Math.max(0, x),
  identity: (x) => x,
};

/** Numbers of a text's vector. */
export const embeddingDimOf = ({ table, idf, layers }: EncoderWeights): number =>
  layers.at(-1)?.bias.length ?? table.length / idf.length;

/**
 * The model in plain JavaScript, for texts that come one at a time: a sum of table rows and a few small products, microseconds for a query, without a native session.
 * The result is that of the ONNX model up to rounding. Repeated calls give arrays of their own.
 * @throws StrataError `invalid_model` when sizes do not fit together
 */
export function createEncoder(w: EncoderWeights): (text: string) => Float32Array {
  const width = w.table.length / w.idf.length;
  if (!Number.isInteger(width) || w.rows.length !== w.ngrams.buckets + 1)
    throw new StrataError(
      'invalid_model',
      `a table of ${w.table.length} numbers for ${w.idf.length} rows and ${w.ngrams.buckets} buckets is no encoder`,
    );
  let size = width;
  for (const { weight, bias } of w.layers) {
    if (weight.length !== size * bias.length)
      throw new StrataError('invalid_model', `a layer of ${weight.length} weights does not take ${size} numbers`);
    size = bias.length;
  }
  const apply = APPLY[w.activation];
  return (text) => {
    let x = bagOf(w, hashNgrams(text, w.ngrams), width);
    for (const layer of w.layers) x = dense(x.map(apply), layer);
    let square = 0;
    for (const v of x) square += v * v;
    const scale = 1 / Math.sqrt(square + SHORTEST * SHORTEST);
    return Float32Array.from(x, (v) => v * scale);
  };
}

/** Weighted sum of the rows of the ids, divided as the pooling says. */
function bagOf({ rows, idf, table, pooling }: EncoderWeights, ids: Int32Array, width: number): Float64Array {
  const sum = new Float64Array(width);
  let weights = 0;
  let squares = 0;
  for (const id of ids) {
    const row = rows[id] as number;
    if (row === 0) continue;
    const weight = idf[row] as number;
    weights += weight;
    squares += weight * weight;
    for (let i = 0, at = row * width; i < width; i++, at++)
      sum[i] = (sum[i] as number) + weight * (table[at] as number);
  }
  const length = pooling === 'mean' ? Math.max(weights, 1e-12) : Math.max(Math.sqrt(squares), 1);
  for (let i = 0; i < width; i++) sum[i] = (sum[i] as number) / length;
  return sum;
}

function dense(x: Float64Array, { weight, bias }: EncoderLayer): Float64Array {
  const out = Float64Array.from(bias);
  for (const [i, v] of x.entries())
    for (let j = 0, at = i * out.length; j < out.length; j++, at++)
      out[j] = (out[j] as number) + v * (weight[at] as number);
  return out;
}
