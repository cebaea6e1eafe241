import { globalPoolInfer } from './global-average-pool.js';
import type { OpRule } from './rule.js';
import { real, sample } from './samples.js';

export const GlobalMaxPool: OpRule<'GlobalMaxPool'> = {
  since: 1,
  arity: [1, 1],
  infer: globalPoolInfer,
  // to the elements that are the largest, in equal parts
  vjp: (c) => {
    const x = c.input(0);
    const axes = x.shape.slice(2).map((_, i) => i + 2);
    const mask = c.op.Cast(c.op.Equal(x, c.output(0)), x.dtype);
    return [c.op.Mul(mask, c.op.Div(c.grad, c.op.ReduceSum(mask, { axes, keepdims: true })))];
  },
  samples: [
    sample('two axes', { x: real([2, 3, 2, 4]) }, (op, { x }) => op.GlobalMaxPool(x), {
      reference: (op, { x }) => op.ReduceMax(x, { axes: [2, 3], keepdims: true }),
    }),
  ],
};
