import { floatUnary } from './elementwise.js';
import type { OpRule } from './rule.js';
import { constant, real, sample } from './samples.js';

export const Softplus: OpRule<'Softplus'> = {
  since: 1,
  arity: [1, 1],
  infer: floatUnary,
  // ln(1 + e^x)' = σ(x)
  vjp: (c) => [c.op.Mul(c.grad, c.op.Sigmoid(c.input(0)))],
  samples: [
    sample('plain', { x: real([2, 3]) }, (op, { x }) => op.Softplus(x), {
      reference: (op, { x }) => op.Log(op.Add(op.Exp(x), constant(op, 1))),
    }),
  ],
};
