import { GraphBuilder, tensorOf, type Graph, type Initializer, type Value } from '@strata/graph';
import { activate, crossEntropy, dense, dropout, embeddingBag, kaimingUniform } from '@strata/nn';

export interface TextModel {
  readonly classes: readonly string[];
  readonly buckets: number;
  readonly embeddingDim: number;
  readonly hidden: readonly number[];
  readonly dropout: number;
  readonly labelSmoothing: number;
  readonly classWeights: readonly number[] | undefined;
}

/** Input with the dropout noise of the averaged embedding, [N, embeddingDim]. */
export const NOISE = 'noise';

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
 * Mean of the embeddings of a text's n-grams, then a linear layer or a small perceptron (Joulin et al. 2016, "Bag of tricks for efficient text classification").
 * ids int64 [N, L], 0 pads → logits [N, C].
 */
function logitsOf(b: GraphBuilder, model: TextModel, training: boolean): Value {
  const ids = b.input('ids', 'int64', ['N', 'L']);
  let x = embeddingBag(b, ids, {
    // row 0 belongs to the padding
    buckets: model.buckets + 1,
    dim: model.embeddingDim,
    name: 'ngrams',
    init: tableInit,
  });
  if (training && model.dropout > 0)
    x = dropout(b, x, b.input(NOISE, 'float32', ['N', model.embeddingDim]), model.dropout);
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
  const n = model.classes.length;
  const label = b.op.LabelEncoder(
    b.op.ArgMax(logits, { axis: 1, keepdims: false }),
    tensorOf(
      'int64',
      [n],
      model.classes.map((_, i) => i),
    ),
    tensorOf('string', [n], model.classes),
    tensorOf('string', [1], ['']),
  );
  b.output('label', label);
  b.output('probabilities', b.op.Softmax(logits, { axis: -1 }));
  return b.build();
}
