import { floatUnary } from './elementwise.js';
import { type OpRule } from './rule.js';
import { constant, real, sample } from './samples.js';

export const Asinh: OpRule<'Asinh'> = {
  since: 9,
  arity: [1, 1],
  infer: floatUnary,
  // asinh' = 1 / √(x² + 1)
  vjp: (c) => [c.op.Div(c.grad, c.op.Sqrt(c.op.Add(c.op.Mul(c.input(0), c.input(0)), c.scalar(1, c.grad.dtype))))],
  samples: [
    sample('plain', { x: real([2, 3]) }, (op, { x }) => op.Asinh(x), {
      reference: (op, { x }) => op.Log(op.Add(x, op.Sqrt(op.Add(op.Mul(x, x), constant(op, 1))))),
    }),
  ],
};
