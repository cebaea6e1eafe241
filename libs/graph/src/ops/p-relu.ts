import { broadcast, showShape } from '../dims.js';
import type { OpRule } from './rule.js';
import { constant, real, sample } from './samples.js';

export const PRelu: OpRule<'PRelu'> = {
  since: 9,
  arity: [2, 2],
  infer: (ctx) => {
    const [x, slope] = [ctx.input(0), ctx.input(1)];
    const shape = broadcast(x.shape, slope.shape);
    if (!shape || shape.length > x.shape.length)
      return ctx.fail(`its slope ${showShape(slope.shape)} cannot be broadcast to ${showShape(x.shape)}`);
    return [{ dtype: x.dtype, shape: x.shape }];
  },
  // dx = dy where x ≥ 0, else slope dy; dslope = Σ x dy over x < 0
  vjp: (c) => {
    const [x, slope] = [c.input(0), c.input(1)];
    const zero = c.scalar(0, x.dtype);
    const below = c.op.Less(x, zero);
    const dx = () => c.op.Where(below, c.op.Mul(c.grad, slope), c.grad);
    const dslope = () => c.unbroadcast(c.op.Where(below, c.op.Mul(c.grad, x), zero), slope);
    return [c.needs(0) ? dx() : undefined, c.needs(1) ? dslope() : undefined];
  },
  samples: [
    sample(
      'a slope for each channel',
      { x: real([2, 3, 2], { kinks: [0] }), s: real([3, 1], { min: 0.1, max: 0.9 }) },
      (op, { x, s }) => op.PRelu(x, s),
      { reference: (op, { x, s }) => op.Where(op.Less(x, constant(op, 0)), op.Mul(x, s), x) },
    ),
  ],
};
