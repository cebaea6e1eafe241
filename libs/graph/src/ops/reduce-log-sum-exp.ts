import { REDUCE, keepAxes, reduceEmit, reduceInfer } from './reduction.js';
import type { OpRule } from './rule.js';
import { real, sample } from './samples.js';

export const ReduceLogSumExp: OpRule<'ReduceLogSumExp'> = {
  ...REDUCE,
  differentiable: [0],
  infer: reduceInfer,
  emit: reduceEmit('ReduceLogSumExp'),
  // (ln Σ e^x)' = e^(x - y), the softmax
  vjp: (c) => [c.op.Mul(c.op.Exp(c.op.Sub(c.input(0), keepAxes(c, c.output(0)))), keepAxes(c, c.grad))],
  samples: [
    sample('all', { x: real([2, 3]) }, (op, { x }) => op.ReduceLogSumExp(x)),
    sample('rows', { x: real([2, 3]) }, (op, { x }) => op.ReduceLogSumExp(x, { axes: [1], keepdims: true })),
  ],
};
