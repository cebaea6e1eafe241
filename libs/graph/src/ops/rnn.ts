import {
  inferRecurrent,
  byTrainedForm,
  layerOf,
  RECURRENT_ATTRS,
  type Cell,
  type MakeCell,
} from './recurrent-layer.js';
import { recurrentEmit } from './recurrent-emit.js';
import { recurrentSamples } from './recurrent-samples.js';
import { trainRecurrent } from './recurrent.js';
import type { OpRule } from './rule.js';
import type { Value } from './signatures.js';

/** h' = f(W x + R h + b), f = tanh or max(0, ·); f' = 1 - h'² or [h' > 0]. */
const rnnCell =
  (relu: boolean): MakeCell =>
  (c, { hidden, dtype }, { w, r, b }): Cell => {
    const { op } = c;
    const bias = b && op.Split(b, [hidden, hidden], 0);
    let turned: Value | undefined;
    return {
      blocks: [hidden],
      w,
      b: bias && op.Add(bias[0] as Value, bias[1] as Value),
      step([a], previous, first) {
        const sum = first ? (a as Value) : op.Gemm(r, previous.h, a);
        const h = relu ? op.Relu(sum) : op.Tanh(sum);
        return {
          state: { h, c: undefined },
          back(dh) {
            const slope = relu
              ? op.Cast(op.Greater(h, c.scalar(0, dtype)), dtype)
              : op.Sub(c.scalar(1, dtype), op.Mul(h, h));
            const da = op.Mul(dh as Value, slope);
            return {
              dx: [da],
              dr: [da],
              previous: (rest) => op.Gemm((turned ??= op.Transpose(r, [1, 0])), da, rest),
            };
          },
        };
      },
    };
  };

/** Elman 1990. B = [b_W, b_R]. */
export const RNN: OpRule<'RNN'> = {
  since: 7,
  arity: [3, 6],
  outputs: [0, 2],
  attrs: RECURRENT_ATTRS,
  differentiable: [0, 1, 2, 3, 5],
  infer: (ctx) => inferRecurrent(ctx, 1).slice(0, 2),
  emit: recurrentEmit('RNN', ['B', 'sequence_lens', 'initial_h'], 2),
  trained: (c) => {
    const a = c.attrs['activations'];
    const relu = a?.type === 'strings' && a.value[0] === 'Relu';
    return trainRecurrent(c, layerOf(c, [relu ? 'Relu' : 'Tanh']), 1, rnnCell(relu));
  },
  vjp: byTrainedForm,
  samples: recurrentSamples('RNN'),
};
