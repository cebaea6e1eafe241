import { GraphBuilder, type Graph, type Value } from '@strata/graph';
import { crossEntropy, gpt, lmHead, type TransformerConfig } from '@strata/nn';

const logitsOf = (b: GraphBuilder, ids: Value, config: TransformerConfig, training: boolean): Value =>
  lmHead(b, gpt(b, ids, config, { training }), config);

/** The training loss: mean cross-entropy of `labels` int64 [batch, block_size], the tokens that follow `input_ids`. Sizes are numbers: masks become constants. */
export function causalLoss(b: GraphBuilder, config: TransformerConfig, batch: number): Value {
  const size = [batch, config.block_size];
  const logits = logitsOf(b, b.input('input_ids', 'int64', size), config, true);
  return crossEntropy(b, logits, b.input('labels', 'int64', size));
}

/** Mean cost of each sequence: `input_ids` and `labels` int64 [N, block_size] → `cost` [N]. */
export function causalCosts(config: TransformerConfig): Graph {
  const b = new GraphBuilder('causal-lm-costs');
  const size = ['N', config.block_size];
  const logits = logitsOf(b, b.input('input_ids', 'int64', size), config, false);
  const costs = crossEntropy(b, logits, b.input('labels', 'int64', size), { reduction: 'none' });
  b.output('cost', b.op.ReduceMean(costs, { axes: [1] }));
  return b.build();
}

/** What is served: `input_ids` int64 [N, L] with L up to block_size → `logits` [N, L, vocab_size]; those of a token speak about the next one. */
export function causalExport(config: TransformerConfig): Graph {
  const b = new GraphBuilder('causal-lm');
  b.output('logits', logitsOf(b, b.input('input_ids', 'int64', ['N', 'L']), config, false));
  return b.build();
}
