import { floatUnary } from './elementwise.js';
import { type OpRule } from './rule.js';
import { asinSeries, constant, real, sample } from './samples.js';

export const Acos: OpRule<'Acos'> = {
  since: 7,
  arity: [1, 1],
  infer: floatUnary,
  // acos' = -1 / √(1 - x²)
  vjp: (c) => [
    c.op.Neg(c.op.Div(c.grad, c.op.Sqrt(c.op.Sub(c.scalar(1, c.grad.dtype), c.op.Mul(c.input(0), c.input(0)))))),
  ],
  samples: [
    sample('plain', { x: real([2, 3], { min: -0.68, max: 0.68 }) }, (op, { x }) => op.Acos(x), {
      reference: (op, { x }) => op.Sub(constant(op, Math.PI / 2), asinSeries(op, x)),
    }),
  ],
};
