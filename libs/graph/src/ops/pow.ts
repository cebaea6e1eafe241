import { broadcast, showShape } from '../dims.js';
import type { OpRule } from './rule.js';
import { real, sample } from './samples.js';

export const Pow: OpRule<'Pow'> = {
  since: 7,
  arity: [2, 2],
  // the exponent may have another type than the base
  infer: (ctx) => {
    const [a, b] = [ctx.input(0), ctx.input(1)];
    const shape = broadcast(a.shape, b.shape);
    if (!shape) return ctx.fail(`its inputs cannot be broadcast: ${showShape(a.shape)} and ${showShape(b.shape)}`);
    return [{ dtype: a.dtype, shape }];
  },
  // d(a^b) = b a^(b-1) da + a^b ln(a) db; ln(a) counts as 0 where a is not positive
  vjp: (c) => {
    const [a, b] = [c.input(0), c.input(1)];
    const exponent = b.dtype === a.dtype ? b : c.op.Cast(b, a.dtype);
    const da = () => c.op.Mul(c.grad, c.op.Mul(exponent, c.op.Pow(a, c.op.Sub(exponent, c.scalar(1, a.dtype)))));
    const db = () => {
      const one = c.scalar(1, a.dtype);
      const ln = c.op.Log(c.op.Where(c.op.Greater(a, c.scalar(0, a.dtype)), a, one));
      return c.op.Cast(c.op.Mul(c.grad, c.op.Mul(c.output(0), ln)), b.dtype);
    };
    return [c.needs(0) ? c.unbroadcast(da(), a) : undefined, c.needs(1) ? c.unbroadcast(db(), b) : undefined];
  },
  samples: [
    sample('both', { a: real([2, 3], { min: 0.3, max: 2 }), b: real([3]) }, (op, { a, b }) => op.Pow(a, b)),
    sample('negative base', { a: real([3], { kinks: [0] }) }, (op, { a }) =>
      op.Pow(a, op.ConstantOfShape(op.Shape(a), cube)),
    ),
  ],
};

const cube = { dtype: 'float64', dims: [1], data: Float64Array.of(3) } as const;
