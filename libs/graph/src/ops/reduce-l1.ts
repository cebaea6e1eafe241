import { REDUCE, keepAxes, reduceEmit, reduceInfer } from './reduction.js';
import type { OpRule } from './rule.js';
import { real, sample } from './samples.js';

export const ReduceL1: OpRule<'ReduceL1'> = {
  ...REDUCE,
  differentiable: [0],
  infer: reduceInfer,
  emit: reduceEmit('ReduceL1'),
  // (Σ |x|)' = sign x
  vjp: (c) => [c.op.Mul(c.op.Sign(c.input(0)), keepAxes(c, c.grad))],
  samples: [
    sample('all', { x: real([2, 3], { kinks: [0] }) }, (op, { x }) => op.ReduceL1(x), {
      reference: (op, { x }) => op.ReduceSum(op.Abs(x)),
    }),
    sample('rows', { x: real([2, 3], { kinks: [0] }) }, (op, { x }) => op.ReduceL1(x, { axes: [1] }), {
      reference: (op, { x }) => op.ReduceSum(op.Abs(x), { axes: [1] }),
    }),
  ],
};
