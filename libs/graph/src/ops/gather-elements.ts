import { axisOf, intAttr, type OpRule } from './rule.js';
import { ints, real, sample } from './samples.js';

export const GatherElements: OpRule<'GatherElements'> = {
  since: 11,
  arity: [2, 2],
  attrs: { axis: 'int' },
  differentiable: [0],
  infer: (ctx) => {
    const [data, indices] = [ctx.input(0), ctx.input(1)];
    if (data.shape.length !== indices.shape.length) ctx.fail('its indices must have the rank of its data');
    axisOf(intAttr(ctx.attrs, 'axis', 0), data.shape.length, (p) => ctx.fail(p));
    return [{ dtype: data.dtype, shape: indices.shape }];
  },
  vjp: (c) => {
    const data = c.input(0);
    const zeros = c.op.Expand(c.scalar(0, data.dtype), c.shapeOf(data));
    return [c.op.ScatterElements(zeros, c.input(1), c.grad, { axis: intAttr(c.attrs, 'axis', 0), reduction: 'add' })];
  },
  samples: [
    sample('columns', { x: real([2, 3]), i: ints([2, 1], [2, 0]) }, (op, { x, i }) =>
      op.GatherElements(x, i, { axis: 1 }),
    ),
    sample('one twice', { x: real([3, 2]), i: ints([2, 2], [1, 0, 1, 2]) }, (op, { x, i }) => op.GatherElements(x, i)),
  ],
};
