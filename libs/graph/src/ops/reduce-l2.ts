import { REDUCE, keepAxes, reduceEmit, reduceInfer } from './reduction.js';
import type { OpRule } from './rule.js';
import { real, sample } from './samples.js';

export const ReduceL2: OpRule<'ReduceL2'> = {
  ...REDUCE,
  differentiable: [0],
  infer: reduceInfer,
  emit: reduceEmit('ReduceL2'),
  // (√Σ x²)' = x / y; 0 where the norm is 0
  vjp: (c) => {
    const y = keepAxes(c, c.output(0));
    const zero = c.scalar(0, y.dtype);
    const none = c.op.Equal(y, zero);
    const scaled = c.op.Div(keepAxes(c, c.grad), c.op.Where(none, c.scalar(1, y.dtype), y));
    return [c.op.Mul(c.input(0), c.op.Where(none, zero, scaled))];
  },
  samples: [
    sample('all', { x: real([2, 3]) }, (op, { x }) => op.ReduceL2(x), {
      reference: (op, { x }) => op.Sqrt(op.ReduceSum(op.Mul(x, x))),
    }),
    sample('kept', { x: real([2, 3]) }, (op, { x }) => op.ReduceL2(x, { axes: [-1], keepdims: true }), {
      reference: (op, { x }) => op.Sqrt(op.ReduceSum(op.Mul(x, x), { axes: [-1], keepdims: true })),
    }),
  ],
};
