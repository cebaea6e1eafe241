import { GraphBuilder, tensor, tensorOf, type Graph, type Initializer, type Value } from '@strata/graph';
import { activate, crossEntropy, dense, dropout, embedding, kaimingUniform } from '@strata/nn';
import { classifierOutputs } from '../../shared/classifier-outputs.js';

export interface TextModel {
  readonly classes: readonly string[];
  readonly embeddingDim: number;
  readonly hidden: readonly number[];
  readonly dropout: number;
  readonly labelSmoothing: number;
  readonly classWeights: readonly number[] | undefined;
  readonly vocabulary: Vocabulary;
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
 * Jones 1972; smoothed as in scikit-learn). The hash space can so be wide, which keeps n-grams apart, and the trained table small.
 */
export function vocabularyOf(texts: readonly Int32Array[], buckets: number, minDf: number): Vocabulary {
  const df = new Int32Array(buckets + 1);
  for (const ids of texts) for (const id of new Set(ids)) df[id] = (df[id] ?? 0) + 1;
  const rows = new Int32Array(buckets + 1);
  const idf = [0];
  for (let id = 1; id <= buckets; id++) {
    const d = df[id] as number;
    if (d < Math.max(1, minDf)) continue;
    rows[id] = idf.length;
    idf.push(Math.log((1 + texts.length) / (1 + d)) + 1);
  }
  return { rows, idf: Float32Array.from(idf) };
}

/** U(−1/dim, 1/dim), as fastText begins. */
const tableInit: Initializer = (dims, dtype, rng) => {
  const bound = 1 / (dims.at(-1) ?? 1);
  return tensorOf(
    dtype,
    dims,
    Array.from({ length: dims.reduce((a, b) => a * b, 1) }, () => bound * (2 * rng.next() - 1)),
  );
};

/**
 * Sum of the embeddings of a text's n-grams, weighted by idf and divided by the norm of the weights, so that long and short texts are alike: fastText (Joulin et al. 2016, "Bag
 * of tricks for efficient text classification") with the weights of tf-idf. ids int64 [N, L], 0 pads → [N, embeddingDim]; a text of unknown n-grams gives zeros.
 */
function bag(b: GraphBuilder, ids: Value, { vocabulary, embeddingDim }: TextModel): Value {
  const { rows, idf } = vocabulary;
  return b.scope('bag', () => {
    const { op } = b;
    // two bytes an id where they are enough: in a small model this table is the larger part
    const stored =
      idf.length <= 0x1_0000
        ? tensor('uint16', [rows.length], Uint16Array.from(rows))
        : tensor('int32', [rows.length], rows);
    const at = op.Cast(op.Gather(b.initializer('rows', stored), ids), 'int32'); // [N, L]
    const vectors = embedding(b, at, { buckets: idf.length, dim: embeddingDim, name: 'ngrams', init: tableInit });
    const weights = op.Gather(b.initializer('idf', tensor('float32', [idf.length], idf)), at);
    const norm = op.Max(op.Sqrt(op.ReduceSumSquare(weights, { axes: [1], keepdims: true })), b.scalar(1));
    // [N, 1, L] × [N, L, dim]: weighting and summing in one product
    return op.Squeeze(op.MatMul(op.Unsqueeze(op.Div(weights, norm), [1]), vectors), [1]);
  });
}

/** Logits [N, C] of a linear layer or small perceptron over the bag. */
function logitsOf(b: GraphBuilder, model: TextModel, training: boolean): Value {
  let x = bag(b, b.input('ids', 'int64', ['N', 'L']), model);
  if (training) x = dropout(b, x, { name: 'dropout', rate: model.dropout });
  model.hidden.forEach((units, i) => {
    x = activate(b, dense(b, x, { units, name: `hidden_${i}`, init: kaimingUniform }), 'relu');
  });
  return dense(b, x, { units: model.classes.length, name: 'output' });
}

/** The training loss: cross-entropy of `target` int64 [N]. */
export function textLoss(b: GraphBuilder, model: TextModel): Value {
  const logits = logitsOf(b, model, true);
  return crossEntropy(b, logits, b.input('target', 'int64', ['N']), {
    labelSmoothing: model.labelSmoothing,
    ...(model.classWeights ? { classWeights: model.classWeights } : {}),
  });
}

/** What is served: ids in, `label` string [N] and `probabilities` [N, C] out. Its parameters are inputs until they are bound. */
export function textExport(model: TextModel): Graph {
  const b = new GraphBuilder('text-classifier');
  const logits = logitsOf(b, model, false);
  classifierOutputs(b, logits, model.classes);
  return b.build();
}
