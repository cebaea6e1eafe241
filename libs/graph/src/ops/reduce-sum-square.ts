import { REDUCE, keepAxes, reduceEmit, reduceInfer } from './reduction.js';
import type { OpRule } from './rule.js';
import { real, sample } from './samples.js';

export const ReduceSumSquare: OpRule<'ReduceSumSquare'> = {
  ...REDUCE,
  differentiable: [0],
  infer: reduceInfer,
  emit: reduceEmit('ReduceSumSquare'),
  // (Σ x²)' = 2 x
  vjp: (c) => {
    const x = c.input(0);
    return [c.op.Mul(c.op.Add(x, x), keepAxes(c, c.grad))];
  },
  samples: [
    sample('all', { x: real([2, 3]) }, (op, { x }) => op.ReduceSumSquare(x)),
    sample('one axis', { x: real([2, 3]) }, (op, { x }) => op.ReduceSumSquare(x, { axes: [0] })),
  ],
};
