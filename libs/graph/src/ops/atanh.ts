import { floatUnary } from './elementwise.js';
import { type OpRule } from './rule.js';
import { constant, real, sample } from './samples.js';

export const Atanh: OpRule<'Atanh'> = {
  since: 9,
  arity: [1, 1],
  infer: floatUnary,
  // atanh' = 1 / (1 - x²)
  vjp: (c) => [c.op.Div(c.grad, c.op.Sub(c.scalar(1, c.grad.dtype), c.op.Mul(c.input(0), c.input(0))))],
  samples: [
    sample('plain', { x: real([2, 3], { min: -0.8, max: 0.8 }) }, (op, { x }) => op.Atanh(x), {
      reference: (op, { x }) =>
        op.Mul(constant(op, 0.5), op.Log(op.Div(op.Add(constant(op, 1), x), op.Sub(constant(op, 1), x)))),
    }),
  ],
};
