import { floatUnary } from './elementwise.js';
import { axisOf, intAttr, type OpRule } from './rule.js';
import { real, sample } from './samples.js';

export const Softmax: OpRule<'Softmax'> = {
  since: 13,
  arity: [1, 1],
  attrs: { axis: 'int' },
  infer: (ctx) => {
    axisOf(intAttr(ctx.attrs, 'axis', -1), ctx.input(0).shape.length, (p) => ctx.fail(p));
    return floatUnary(ctx);
  },
  // dx = y (dy - Σ dy y)
  vjp: (c) => {
    const y = c.output(0);
    const axes = [intAttr(c.attrs, 'axis', -1)];
    const weighted = c.op.Mul(c.grad, y);
    return [c.op.Sub(weighted, c.op.Mul(y, c.op.ReduceSum(weighted, { axes, keepdims: true })))];
  },
  samples: [
    sample('rows', { x: real([2, 3]) }, (op, { x }) => op.Softmax(x)),
    sample('first axis', { x: real([2, 3, 2]) }, (op, { x }) => op.Softmax(x, { axis: 0 })),
  ],
};
