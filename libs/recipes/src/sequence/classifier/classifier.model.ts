import { GraphBuilder, type Graph, type Value } from '@strata/graph';
import { crossEntropy, dense, dropout } from '@strata/nn';
import { classifierOutputs } from '../../shared/classifier-outputs.js';
import { embedded, recurrentLayers, sequenceInputs, type RecurrentNetwork } from '../shared/network.js';

export interface SequenceModel extends RecurrentNetwork {
  readonly classes: readonly string[];
  readonly vocabulary: number;
  readonly pooling: 'last' | 'mean' | 'max';
  readonly labelSmoothing: number;
  readonly classWeights: readonly number[] | undefined;
}

/** Logits [N, C]: embeddings, recurrent layers, one vector for each text, a linear layer. Padding changes nothing. */
function logitsOf(b: GraphBuilder, model: SequenceModel, steps: number | 'L', training: boolean): Value {
  const { op } = b;
  const { ids, mask, lengths } = sequenceInputs(b, steps);
  const x = embedded(b, ids, model.vocabulary, model.embeddingDim, 'embedding');
  const states = recurrentLayers(b, x, lengths, model, training);
  const pooled = (): Value => {
    if (model.pooling === 'last') return states.last();
    const y = states.outputs(); // [T, N, D·H], zero where there is padding
    if (model.pooling === 'mean')
      return op.Div(op.ReduceSum(y, { axes: [0] }), op.Unsqueeze(op.Cast(lengths, 'float32'), [1]));
    const real = op.Unsqueeze(op.Cast(op.Transpose(mask, [1, 0]), 'bool'), [2]);
    // states lie in [-1, 1], those of a ReLU above 0: padding below all of them never is the largest
    return op.ReduceMax(op.Where(real, y, b.scalar(-2)), { axes: [0] });
  };
  const text = pooled();
  const kept = training ? dropout(b, text, { name: 'output_dropout', rate: model.dropout }) : text;
  return dense(b, kept, { units: model.classes.length, name: 'output' });
}

/** The training loss over texts of `steps` tokens, padding included: cross-entropy of `target` int64 [N]. */
export function sequenceLoss(b: GraphBuilder, model: SequenceModel, steps: number): Value {
  const logits = logitsOf(b, model, steps, true);
  return crossEntropy(b, logits, b.input('target', 'int64', ['N']), {
    labelSmoothing: model.labelSmoothing,
    ...(model.classWeights ? { classWeights: model.classWeights } : {}),
  });
}

/** What is served: ids and mask of any length in, `label` string [N] and `probabilities` [N, C] out, with the fused ONNX operator. */
export function sequenceExport(model: SequenceModel): Graph {
  const b = new GraphBuilder('sequence-classifier');
  classifierOutputs(b, logitsOf(b, model, 'L', false), model.classes);
  return b.build();
}
