import { REDUCE, keepAxes, reduceEmit, reduceInfer, reducedCount } from './reduction.js';
import type { OpRule } from './rule.js';
import { real, sample } from './samples.js';

export const ReduceMean: OpRule<'ReduceMean'> = {
  ...REDUCE,
  differentiable: [0],
  infer: reduceInfer,
  emit: reduceEmit('ReduceMean'),
  // as the sum, divided by the number of elements of one mean
  vjp: (c) => [c.op.Expand(c.op.Div(keepAxes(c, c.grad), reducedCount(c)), c.shapeOf(c.input(0)))],
  samples: [
    sample('all', { x: real([2, 3]) }, (op, { x }) => op.ReduceMean(x)),
    sample('two axes', { x: real([2, 3, 4]) }, (op, { x }) => op.ReduceMean(x, { axes: [0, 2] })),
    sample('kept', { x: real([2, 3]) }, (op, { x }) => op.ReduceMean(x, { axes: [0], keepdims: true })),
  ],
};
