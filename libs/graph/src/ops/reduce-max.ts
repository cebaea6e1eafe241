import { REDUCE, keepAxes, reduceEmit, reduceInfer, sameAxes } from './reduction.js';
import type { OpRule } from './rule.js';
import { real, sample } from './samples.js';

export const ReduceMax: OpRule<'ReduceMax'> = {
  ...REDUCE,
  differentiable: [0],
  infer: reduceInfer,
  emit: reduceEmit('ReduceMax'),
  // the adjoint goes to the elements that equal the result, in equal parts
  vjp: (c) => {
    const x = c.input(0);
    const mask = c.op.Cast(c.op.Equal(x, keepAxes(c, c.output(0))), x.dtype);
    const share = c.op.Div(keepAxes(c, c.grad), c.op.ReduceSum(mask, sameAxes(c)));
    return [c.op.Mul(mask, share)];
  },
  samples: [
    sample('all', { x: real([2, 3]) }, (op, { x }) => op.ReduceMax(x)),
    sample('one axis', { x: real([2, 3, 4]) }, (op, { x }) => op.ReduceMax(x, { axes: [1] })),
    sample('kept', { x: real([2, 3]) }, (op, { x }) => op.ReduceMax(x, { axes: [-1], keepdims: true })),
  ],
};
