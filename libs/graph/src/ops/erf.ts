import { floatUnary } from './elementwise.js';
import type { OpRule } from './rule.js';
import { erfSeries, real, sample } from './samples.js';

export const Erf: OpRule<'Erf'> = {
  since: 9,
  arity: [1, 1],
  infer: floatUnary,
  // erf'(x) = 2/√π e^(-x²)
  vjp: (c) => [
    c.op.Mul(
      c.grad,
      c.op.Mul(c.scalar(2 / Math.sqrt(Math.PI), c.grad.dtype), c.op.Exp(c.op.Neg(c.op.Mul(c.input(0), c.input(0))))),
    ),
  ],
  samples: [
    sample('plain', { x: real([2, 3]) }, (op, { x }) => op.Erf(x), { reference: (op, { x }) => erfSeries(op, x) }),
  ],
};
