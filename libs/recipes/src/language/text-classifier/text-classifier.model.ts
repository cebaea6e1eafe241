import { GraphBuilder, type Graph, type Value } from '@strata/graph';
import { activate, crossEntropy, dense, dropout, kaimingUniform } from '@strata/nn';
import { classifierOutputs } from '../../shared/classifier-outputs.js';
import { ngramBag, type Vocabulary } from '../../shared/ngram-bag.js';

export interface TextModel {
  readonly classes: readonly string[];
  readonly embeddingDim: number;
  readonly hidden: readonly number[];
  readonly dropout: number;
  readonly labelSmoothing: number;
  readonly classWeights: readonly number[] | undefined;
  readonly vocabulary: Vocabulary;
}

/** Logits [N, C] of a linear layer or small perceptron over the bag. */
function logitsOf(b: GraphBuilder, model: TextModel, training: boolean): Value {
  const bag = ngramBag(b, model.vocabulary, { dim: model.embeddingDim });
  let x = bag(b.input('ids', 'int64', ['N', 'L']));
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
