import { floatUnary } from './elementwise.js';
import { axisOf, intAttr, type OpRule } from './rule.js';
import { real, sample } from './samples.js';

export const LogSoftmax: OpRule<'LogSoftmax'> = {
  since: 13,
  arity: [1, 1],
  attrs: { axis: 'int' },
  infer: (ctx) => {
    axisOf(intAttr(ctx.attrs, 'axis', -1), ctx.input(0).shape.length, (p) => ctx.fail(p));
    return floatUnary(ctx);
  },
  // dx = dy - e^y Σ dy
  vjp: (c) => {
    const axes = [intAttr(c.attrs, 'axis', -1)];
    return [c.op.Sub(c.grad, c.op.Mul(c.op.Exp(c.output(0)), c.op.ReduceSum(c.grad, { axes, keepdims: true })))];
  },
  samples: [
    sample('rows', { x: real([2, 3]) }, (op, { x }) => op.LogSoftmax(x)),
    sample('middle axis', { x: real([2, 3, 2]) }, (op, { x }) => op.LogSoftmax(x, { axis: 1 })),
  ],
};
