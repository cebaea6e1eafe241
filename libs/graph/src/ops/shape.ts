import { intAttr, zeroGradient, type OpRule } from './rule.js';
import { real, sample } from './samples.js';

export const Shape: OpRule<'Shape'> = {
  since: 15,
  arity: [1, 1],
  attrs: { start: 'int', end: 'int' },
  infer: (ctx) => {
    const rank = ctx.input(0).shape.length;
    const clamp = (i: number) => Math.max(0, Math.min(rank, i < 0 ? i + rank : i));
    const known = ctx
      .input(0)
      .shape.slice(clamp(intAttr(ctx.attrs, 'start', 0)), clamp(intAttr(ctx.attrs, 'end', rank)));
    return [{ dtype: 'int64', shape: [known.length], known }];
  },
  // a shape does not depend on the elements
  differentiable: [],
  vjp: zeroGradient,
  samples: [
    sample('all', { x: real([2, 3]) }, (op, { x }) => op.Shape(x)),
    sample('part', { x: real([2, 3, 4]) }, (op, { x }) => op.Shape(x, { start: -2, end: 2 })),
  ],
};
