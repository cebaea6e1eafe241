import { floatUnary } from './elementwise.js';
import { axisOf, intAttr, type OpRule, zeroGradient } from './rule.js';
import { real, sample } from './samples.js';

export const Hardmax: OpRule<'Hardmax'> = {
  since: 13,
  arity: [1, 1],
  attrs: { axis: 'int' },
  infer: (ctx) => {
    axisOf(intAttr(ctx.attrs, 'axis', -1), ctx.input(0).shape.length, (p) => ctx.fail(p));
    return floatUnary(ctx);
  },
  // constant between jumps
  differentiable: [],
  vjp: zeroGradient,
  samples: [sample('last axis', { x: { ...real([2, 3]), dtype: 'float32' } }, (op, { x }) => op.Hardmax(x))],
};
