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
import { concat, sum } from './recurrent-unroll.js';
import { trainRecurrent } from './recurrent.js';
import type { OpRule } from './rule.js';
import type { Value } from './signatures.js';

/*
 * i, o, f = σ(a_i), σ(a_o), σ(a_f); g = tanh(a_c); c' = f c + i g; h' = o tanh(c').
 * With tanh(a) = 2 σ(2a) - 1 one sigmoid serves all four gates, fused to the product by the runtime: the rows of W, R and b that make a_c are doubled, S = [i, o, f, s], g = 2s - 1.
 * Backward, with e = dh o (1 - tanh²c') + dc' = dh (o - h' tanh c') + dc' and σ' = σ (1 - σ):
 * [da_i, da_o, da_f, da_c / 4] = [e i g, dh h', e f c, e i s] (1 - S), because da_c = e i (1 - g²) = 4 e i s (1 - s); dc = e f.
 */
const lstmCell: MakeCell = (c, { hidden, dtype }, { w, r, b }): Cell => {
  const { op } = c;
  const rows = 4 * hidden;
  const column = (cell: number): Value =>
    c.constant({
      dtype: 'float32',
      dims: [rows, 1],
      data: Float32Array.from({ length: rows }, (_, i) => (i < 3 * hidden ? 1 : cell)),
    });
  const [twice, fourfold] = [column(2), column(4)].map((v) => (dtype === 'float32' ? v : op.Cast(v, dtype))) as [
    Value,
    Value,
  ];
  const one = c.scalar(1, dtype);
  const forwards = op.Mul(r, twice);
  let backwards: Value | undefined;
  const bias = b && op.Split(b, [rows, rows], 0);
  return {
    blocks: [rows],
    w: op.Mul(w, twice),
    b: bias && op.Mul(op.Add(bias[0] as Value, bias[1] as Value), twice),
    rowScale: fourfold,
    step([a], previous, first) {
      const gates = op.Sigmoid(first ? (a as Value) : op.Gemm(forwards, previous.h, a));
      const [i, o, f, s] = op.Split(gates, [hidden, hidden, hidden, hidden], 0) as [Value, Value, Value, Value];
      const ig = op.Mul(i, op.Sub(op.Add(s, s), one));
      const fc = first ? undefined : op.Mul(f, previous.c as Value);
      const cell = fc ? op.Add(fc, ig) : ig;
      const squashed = op.Tanh(cell);
      const h = op.Mul(o, squashed);
      return {
        state: { h, c: cell },
        back(dh, dc) {
          const e = sum(c, [dh && op.Mul(dh, op.Sub(o, op.Mul(h, squashed))), dc]) as Value;
          const none = (): Value => op.Mul(ig, c.scalar(0, dtype));
          const parts = [
            op.Mul(e, ig),
            dh ? op.Mul(dh, h) : none(),
            fc ? op.Mul(e, fc) : none(),
            op.Mul(e, op.Mul(i, s)),
          ];
          const da = op.Mul(concat(c, parts, 0), op.Sub(one, gates));
          return {
            dx: [da],
            dr: [da],
            dc: op.Mul(e, f),
            previous: (rest) => op.Gemm((backwards ??= op.Transpose(op.Mul(r, fourfold), [1, 0])), da, rest),
          };
        },
      };
    },
  };
};

/** Hochreiter & Schmidhuber 1997, with forget gates (Gers et al. 2000). Gates in the order i, o, f, c; B = [b_W, b_R]. */
export const LSTM: OpRule<'LSTM'> = {
  since: 7,
  arity: [3, 8],
  outputs: [0, 3],
  attrs: { ...RECURRENT_ATTRS, input_forget: 'int' },
  differentiable: [0, 1, 2, 3, 5, 6, 7],
  infer: (ctx) => inferRecurrent(ctx, 4),
  emit: recurrentEmit('LSTM', ['B', 'sequence_lens', 'initial_h', 'initial_c', 'P'], 3),
  trained: (c) => {
    if (c.inputs[7]) c.fail('peephole weights (P) have no gradient here');
    return trainRecurrent(c, layerOf(c, ['Sigmoid', 'Tanh', 'Tanh']), 4, lstmCell);
  },
  vjp: byTrainedForm,
  samples: recurrentSamples('LSTM'),
};
