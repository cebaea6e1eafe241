import { GraphBuilder, type Graph, type Value } from '@strata/graph';
import { bert, crossEntropy, mlmHead, type TransformerConfig } from '@strata/nn';

/** Logits [M, vocab_size] of the hidden places alone: `masked_positions` int64 [M] count tokens of the batch row by row. The head runs on an eighth of the tokens. */
function maskedLogits(b: GraphBuilder, config: TransformerConfig, n: number | 'N', masked: number, training: boolean) {
  const m = n === 'N' ? 'M' : n * masked;
  const ids = b.input('input_ids', 'int64', [n, config.block_size]);
  const at = b.input('masked_positions', 'int64', [m]);
  const hidden = bert(b, ids, undefined, config, { training });
  const rows = b.op.Gather(b.op.Reshape(hidden, [-1, config.n_embd]), at);
  return { logits: mlmHead(b, rows, config), labels: b.input('labels', 'int64', [m]) };
}

/** The training loss: mean cross-entropy of `labels` int64 [batch · masked] at the hidden places. Sizes are numbers: masks become constants. */
export function maskedLoss(b: GraphBuilder, config: TransformerConfig, batch: number, masked: number): Value {
  const { logits, labels } = maskedLogits(b, config, batch, masked, true);
  return crossEntropy(b, logits, labels);
}

/** `scores` [N, 2]: mean cost of a sequence's hidden places, and the share that is guessed right. */
export function maskedScores(config: TransformerConfig, masked: number): Graph {
  const b = new GraphBuilder('masked-lm-scores');
  const { op } = b;
  const { logits, labels } = maskedLogits(b, config, 'N', masked, false);
  const costs = crossEntropy(b, logits, labels, { reduction: 'none' });
  const right = op.Cast(op.Equal(op.ArgMax(logits, { axis: -1, keepdims: false }), labels), 'float32');
  const mean = (x: Value) => op.ReduceMean(op.Reshape(x, [-1, masked]), { axes: [1], keepdims: true });
  b.output('scores', op.Concat([mean(costs), mean(right)], 1));
  return b.build();
}

/** What is served: `input_ids` and `attention_mask` int64 [N, L] with L up to block_size → `logits` [N, L, vocab_size] of what stands, or stood, at each place. */
export function maskedExport(config: TransformerConfig): Graph {
  const b = new GraphBuilder('masked-lm');
  const ids = b.input('input_ids', 'int64', ['N', 'L']);
  const hidden = bert(b, ids, b.input('attention_mask', 'int64', ['N', 'L']), config, { training: false });
  b.output('logits', mlmHead(b, hidden, config));
  return b.build();
}
