import { floatUnary } from './elementwise.js';
import { type OpRule } from './rule.js';
import { constant, real, sample } from './samples.js';

export const Cosh: OpRule<'Cosh'> = {
  since: 9,
  arity: [1, 1],
  infer: floatUnary,
  // cosh' = sinh
  vjp: (c) => [c.op.Mul(c.grad, c.op.Sinh(c.input(0)))],
  samples: [
    sample('plain', { x: real([2, 3]) }, (op, { x }) => op.Cosh(x), {
      reference: (op, { x }) => op.Mul(constant(op, 0.5), op.Add(op.Exp(x), op.Exp(op.Neg(x)))),
    }),
  ],
};
