import { REDUCE, keepAxes, reduceEmit, reduceInfer } from './reduction.js';
import type { OpRule } from './rule.js';
import { real, sample } from './samples.js';

export const ReduceSum: OpRule<'ReduceSum'> = {
  ...REDUCE,
  since: 13,
  differentiable: [0],
  infer: reduceInfer,
  emit: reduceEmit('ReduceSum'),
  // every element that was summed gets the adjoint of its sum
  vjp: (c) => [c.op.Expand(keepAxes(c, c.grad), c.shapeOf(c.input(0)))],
  samples: [
    sample('all', { x: real([2, 3]) }, (op, { x }) => op.ReduceSum(x)),
    sample('one axis', { x: real([2, 3, 4]) }, (op, { x }) => op.ReduceSum(x, { axes: [1] })),
    sample('kept', { x: real([2, 3]) }, (op, { x }) => op.ReduceSum(x, { axes: [-1], keepdims: true })),
    sample('no axes', { x: real([2, 3]) }, (op, { x }) => op.ReduceSum(x, { axes: [] })),
  ],
};
