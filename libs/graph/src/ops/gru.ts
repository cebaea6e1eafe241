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
import { sum } from './recurrent-unroll.js';
import { trainRecurrent } from './recurrent.js';
import { intAttr, type OpRule } from './rule.js';
import type { Value } from './signatures.js';

/*
 * z, r = σ(a_z), σ(a_r); h' = (1 - z) n + z h = n + z (h - n);
 * n = tanh(W_h x + b + r (R_h h + b_R)) when linear_before_reset, as in cuDNN and PyTorch, else tanh(W_h x + b + R_h (r h) + b_R).
 * Backward: dn = dh (1 - z) (1 - n²); [da_z, da_r] = [dh (h - n), dr] σ'; dr = dn (R_h h + b_R), or (R_hᵀ dn) h; to the previous h flow dh z, R_zrᵀ [da_z, da_r] and R_hᵀ (dn r), or
 * r (R_hᵀ dn).
 */
const gruCell =
  (linear: boolean): MakeCell =>
  (c, { hidden, dtype }, { w, r: all, b }): Cell => {
    const { op } = c;
    const one = c.scalar(1, dtype);
    const [gatesR, newR] = op.Split(all, [2 * hidden, hidden], 0) as [Value, Value];
    const bias = b && op.Split(b, [3 * hidden, 2 * hidden, hidden], 0); // b_W; b_R of z and r, of h
    const [bw, bzr, bn] = bias ?? [];
    const [bwzr, bwn] = bw ? op.Split(bw, [2 * hidden, hidden], 0) : [];
    let gatesT: Value | undefined;
    let newT: Value | undefined;
    const turnGates = (): Value => (gatesT ??= op.Transpose(gatesR, [1, 0]));
    const turnNew = (): Value => (newT ??= op.Transpose(newR, [1, 0]));
    return {
      blocks: [2 * hidden, hidden],
      w,
      b: bwzr && bwn && bzr && bn ? op.Concat([op.Add(bwzr, bzr), linear ? bwn : op.Add(bwn, bn)], 0) : undefined,
      step([a, an], { h }, first) {
        const gates = op.Sigmoid(first ? (a as Value) : op.Gemm(gatesR, h, a));
        const [z, r] = op.Split(gates, [hidden, hidden], 0) as [Value, Value];
        const input = an as Value;
        // what r multiplies: R_h h + b_R, or h
        const inner = linear ? op.Gemm(newR, h, bn) : h;
        const reset = op.Mul(r, inner);
        const n = op.Tanh(linear ? op.Add(input, reset) : op.Gemm(newR, reset, input));
        const gap = op.Sub(h, n);
        return {
          state: { h: op.Add(n, op.Mul(z, gap)), c: undefined },
          ...(linear ? {} : { operands: [h, reset] }),
          back(given) {
            const dh = given as Value;
            const through = op.Mul(dh, z);
            const dn = op.Mul(op.Sub(dh, through), op.Sub(one, op.Mul(n, n)));
            const back = linear ? dn : op.Gemm(turnNew(), dn);
            const da = op.Mul(
              op.Concat([op.Mul(dh, gap), op.Mul(back, inner)], 0),
              op.Sub(gates, op.Mul(gates, gates)),
            );
            const reached = op.Mul(back, r);
            return {
              dx: [da, dn],
              dr: [da, linear ? reached : dn],
              previous: (rest) => {
                const others = sum(c, [through, rest, linear ? undefined : reached]);
                const sofar = linear ? op.Gemm(turnNew(), reached, others) : others;
                return op.Gemm(turnGates(), da, sofar);
              },
            };
          },
        };
      },
    };
  };

/** Cho et al. 2014, arXiv 1406.1078. Gates in the order z, r, h; B = [b_W, b_R]. */
export const GRU: OpRule<'GRU'> = {
  since: 7,
  arity: [3, 6],
  outputs: [0, 2],
  attrs: { ...RECURRENT_ATTRS, linear_before_reset: 'int' },
  differentiable: [0, 1, 2, 3, 5],
  infer: (ctx) => inferRecurrent(ctx, 3).slice(0, 2),
  emit: recurrentEmit('GRU', ['B', 'sequence_lens', 'initial_h'], 2),
  trained: (c) =>
    trainRecurrent(c, layerOf(c, ['Sigmoid', 'Tanh']), 3, gruCell(intAttr(c.attrs, 'linear_before_reset', 0) !== 0)),
  vjp: byTrainedForm,
  samples: recurrentSamples('GRU'),
};
