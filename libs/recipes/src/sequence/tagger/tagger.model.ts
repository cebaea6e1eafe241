import { GraphBuilder, tensorOf, type Graph, type Value } from '@strata/graph';
import { crossEntropy, dense, dropout } from '@strata/nn';
import { embedded, recurrentLayers, sequenceInputs, type RecurrentNetwork } from '../shared/network.js';

export interface TaggerModel extends RecurrentNetwork {
  readonly tags: readonly string[];
  readonly vocabulary: number;
  readonly labelSmoothing: number;
}

/** A token that has no tag of its own: padding, or not the first of its word. */
export const NO_TAG = -100;

/** Logits [T, N, C] of every token. */
function logitsOf(b: GraphBuilder, model: TaggerModel, steps: number | 'L', training: boolean): Value {
  const { ids, lengths } = sequenceInputs(b, steps);
  const x = embedded(b, ids, model.vocabulary, model.embeddingDim, 'embedding');
  const states = recurrentLayers(b, x, lengths, model, training).outputs();
  const kept = training ? dropout(b, states, { name: 'output_dropout', rate: model.dropout }) : states;
  return dense(b, kept, { units: model.tags.length, name: 'output' });
}

/**
 * Cross-entropy of the first token of each word: `target` int64 [N, T], `NO_TAG` elsewhere. Added up over a sentence, as a mean over sentences and the words that one has on average: each word counts the
 * same, whether its batch holds long sentences or short ones.
 */
export function taggerLoss(b: GraphBuilder, model: TaggerModel, steps: number, words: number): Value {
  const logits = logitsOf(b, model, steps, true);
  const target = b.op.Transpose(b.input('target', 'int64', ['N', steps]), [1, 0]);
  const options = { ignoreIndex: NO_TAG, labelSmoothing: model.labelSmoothing, reduction: 'none' } as const;
  const sentences = b.op.ReduceSum(crossEntropy(b, logits, target, options), { axes: [0] });
  return b.op.Mul(b.op.ReduceMean(sentences), b.scalar(1 / words));
}

/** The likeliest tag of every token by number, `best` int64 [N, L]. */
export function taggerScorer(model: TaggerModel): Graph {
  const b = new GraphBuilder('sequence-tagger');
  b.output('best', b.op.ArgMax(batchFirst(b, logitsOf(b, model, 'L', false)), { axis: 2, keepdims: false }));
  return b.build();
}

/** What is served: `label` string [N, L] and `probabilities` [N, L, C] of every token. */
export function taggerExport(model: TaggerModel): Graph {
  const b = new GraphBuilder('sequence-tagger');
  const logits = batchFirst(b, logitsOf(b, model, 'L', false));
  const count = model.tags.length;
  const codes = tensorOf(
    'int64',
    [count],
    model.tags.map((_, i) => i),
  );
  const best = b.op.ArgMax(logits, { axis: 2, keepdims: false });
  b.output(
    'label',
    b.op.LabelEncoder(best, codes, tensorOf('string', [count], model.tags), tensorOf('string', [1], [''])),
  );
  b.output('probabilities', b.op.Softmax(logits, { axis: -1 }));
  return b.build();
}

const batchFirst = (b: GraphBuilder, logits: Value): Value => b.op.Transpose(logits, [1, 0, 2]);
