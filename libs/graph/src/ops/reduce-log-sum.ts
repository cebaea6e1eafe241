import { REDUCE, keepAxes, reduceEmit, reduceInfer } from './reduction.js';
import type { OpRule } from './rule.js';
import { real, sample } from './samples.js';

export const ReduceLogSum: OpRule<'ReduceLogSum'> = {
  ...REDUCE,
  differentiable: [0],
  infer: reduceInfer,
  emit: reduceEmit('ReduceLogSum'),
  // (ln Σ x)' = 1 / Σ x = e^(-y)
  vjp: (c) => [
    c.op.Expand(c.op.Mul(keepAxes(c, c.grad), c.op.Exp(c.op.Neg(keepAxes(c, c.output(0))))), c.shapeOf(c.input(0))),
  ],
  samples: [
    sample('all', { x: real([2, 3], { min: 0.2, max: 2 }) }, (op, { x }) => op.ReduceLogSum(x), {
      reference: (op, { x }) => op.Log(op.ReduceSum(x)),
    }),
    sample('columns', { x: real([2, 3], { min: 0.2, max: 2 }) }, (op, { x }) => op.ReduceLogSum(x, { axes: [0] }), {
      reference: (op, { x }) => op.Log(op.ReduceSum(x, { axes: [0] })),
    }),
  ],
};
