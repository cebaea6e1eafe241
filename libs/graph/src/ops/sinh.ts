import { floatUnary } from './elementwise.js';
import { type OpRule } from './rule.js';
import { constant, real, sample } from './samples.js';

export const Sinh: OpRule<'Sinh'> = {
  since: 9,
  arity: [1, 1],
  infer: floatUnary,
  // sinh' = cosh
  vjp: (c) => [c.op.Mul(c.grad, c.op.Cosh(c.input(0)))],
  samples: [
    sample('plain', { x: real([2, 3]) }, (op, { x }) => op.Sinh(x), {
      reference: (op, { x }) => op.Mul(constant(op, 0.5), op.Sub(op.Exp(x), op.Exp(op.Neg(x)))),
    }),
  ],
};
