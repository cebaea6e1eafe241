import type { HashedNgrams } from '@strata/contracts';
import { tensor, tensorOf, type GraphBuilder, type Initializer, type Value } from '@strata/graph';
import { StrataError } from '@strata/kernel';
import type { PoolingMode } from './ngram-params.js';

/** What a model reads of a text. @throws StrataError `invalid_parameter` when no n-gram is asked for */
export function ngramsOf(p: Omit<HashedNgrams, 'kind'>): HashedNgrams {
  if (p.word_ngrams[1] === 0 && p.char_ngrams[1] === 0)
    throw new StrataError(
      'invalid_parameter',
      'word_ngrams and char_ngrams are both [0, 0]: there is nothing to read.',
      { where: { field: 'params.word_ngrams' } },
    );
  const { buckets, word_ngrams, char_ngrams, max_ngrams, lowercase } = p;
  return { kind: 'hashed-ngrams', buckets, word_ngrams, char_ngrams, max_ngrams, lowercase };
}

/** The ids that are worth an embedding of their own, and their weights. */
export interface Vocabulary {
  /** Row of the embedding table for each id, [buckets + 1]; 0 for the padding and for n-grams that training did not see often enough: their embeddings would be noise. */
  readonly rows: Int32Array;
  /** Weight of each row; row 0 has none. */
  readonly idf: Float32Array;
}

/**
 * Rows for the ids that at least `minDf` training texts have, in ascending order of id, weighted by the smoothed inverse document frequency ln((1 + n) / (1 + df)) + 1 (Spärck
 * Jones 1972; smoothed as in scikit-learn), or all alike. The hash space can so be wide, which keeps n-grams apart, and the trained table small.
 */
export function vocabularyOf(texts: readonly Int32Array[], buckets: number, minDf: number, useIdf = true): Vocabulary {
  const df = new Int32Array(buckets + 1);
  for (const ids of texts) for (const id of new Set(ids)) df[id] = (df[id] ?? 0) + 1;
  const rows = new Int32Array(buckets + 1);
  const idf = [0];
  for (let id = 1; id <= buckets; id++) {
    const d = df[id] as number;
    if (d < Math.max(1, minDf)) continue;
    rows[id] = idf.length;
    idf.push(useIdf ? Math.log((1 + texts.length) / (1 + d)) + 1 : 1);
  }
  return { rows, idf: Float32Array.from(idf) };
}

/** U(−1/dim, 1/dim), as fastText begins. */
export const fastTextInit: Initializer = (dims, dtype, rng) => {
  const bound = 1 / (dims.at(-1) ?? 1);
  return tensorOf(
    dtype,
    dims,
    Array.from({ length: dims.reduce((a, b) => a * b, 1) }, () => bound * (2 * rng.next() - 1)),
  );
};

/**
 * Declares the table of a vocabulary in the graph; the function that it gives looks texts up in it, as often as it is called: the sum of the embeddings of a text's n-grams,
 * weighted by idf and divided as `pooling` says, so that long and short texts are alike. ids int64 [N, L], 0 pads → [N, dim]; a text of unknown n-grams gives zeros. `keep` may leave
 * n-grams out by changing their weights [N, L]. fastText (Joulin et al. 2016, "Bag of tricks for efficient text classification") with the weights of tf-idf.
 */
export function ngramBag(
  b: GraphBuilder,
  { rows, idf }: Vocabulary,
  options: { readonly dim: number; readonly pooling?: PoolingMode; readonly init?: Initializer },
): (ids: Value, keep?: (weights: Value) => Value) => Value {
  const { dim, pooling = 'mean_sqrt_len_tokens', init = fastTextInit } = options;
  const { op } = b;
  const { rowTable, weightTable, vectorTable } = b.scope('bag', () => ({
    // two bytes an id where they are enough: in a small model this table is the larger part
    rowTable: b.initializer(
      'rows',
      idf.length <= 0x1_0000
        ? tensor('uint16', [rows.length], Uint16Array.from(rows))
        : tensor('int32', [rows.length], rows),
    ),
    vectorTable: b.scope('ngrams', () => b.param('table', 'float32', [idf.length, dim], init)),
    weightTable: b.initializer('idf', tensor('float32', [idf.length], idf)),
  }));
  return (ids, keep = (weights) => weights) => {
    const at = op.Cast(op.Gather(rowTable, ids), 'int32'); // [N, L]
    const vectors = op.Gather(vectorTable, at);
    const weights = keep(op.Gather(weightTable, at));
    const length =
      pooling === 'mean'
        ? op.Add(op.ReduceSum(weights, { axes: [1], keepdims: true }), b.scalar(NOTHING))
        : op.Max(op.Sqrt(op.ReduceSumSquare(weights, { axes: [1], keepdims: true })), b.scalar(1));
    // [N, 1, L] × [N, L, dim]: weighting and summing in one product
    return op.Squeeze(op.MatMul(op.Unsqueeze(op.Div(weights, length), [1]), vectors), [1]);
  };
}

/** Keeps 0 / 0 from a text without known n-grams. Every weight is 1 or more, beside which it is lost in float32. */
const NOTHING = 1e-12;
