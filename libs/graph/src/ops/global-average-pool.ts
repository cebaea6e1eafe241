import type { InferContext, OpRule } from './rule.js';
import { constant, real, sample } from './samples.js';

/** [N, C, …] → [N, C, 1, …]. */
export const globalPoolInfer = (ctx: InferContext) => {
  const { dtype, shape } = ctx.input(0);
  return [{ dtype, shape: shape.map((d, i) => (i < 2 ? d : 1)) }];
};

export const GlobalAveragePool: OpRule<'GlobalAveragePool'> = {
  since: 1,
  arity: [1, 1],
  infer: globalPoolInfer,
  // dy / n everywhere
  vjp: (c) => {
    const x = c.input(0);
    const sizes = x.shape.slice(2);
    const known = sizes.every((d) => typeof d === 'number');
    const share = known
      ? c.op.Mul(c.grad, c.scalar(1 / sizes.reduce((n: number, d) => n * Number(d), 1), x.dtype))
      : c.op.Div(c.grad, c.op.Cast(c.op.Div(c.op.Size(x), c.op.Size(c.grad)), x.dtype));
    return [c.op.Expand(share, c.shapeOf(x))];
  },
  samples: [
    sample('two axes', { x: real([2, 3, 2, 4]) }, (op, { x }) => op.GlobalAveragePool(x), {
      reference: (op, { x }) => op.Mul(op.ReduceSum(x, { axes: [2, 3], keepdims: true }), constant(op, 1 / 8)),
    }),
    sample('one axis', { x: real([2, 3, 5]) }, (op, { x }) => op.GlobalAveragePool(x), {
      reference: (op, { x }) => op.Mul(op.ReduceSum(x, { axes: [2], keepdims: true }), constant(op, 1 / 5)),
    }),
  ],
};
