import { floatUnary } from './elementwise.js';
import { type OpRule } from './rule.js';
import { atanSeries, real, sample } from './samples.js';

export const Atan: OpRule<'Atan'> = {
  since: 7,
  arity: [1, 1],
  infer: floatUnary,
  // atan' = 1 / (1 + x²)
  vjp: (c) => [c.op.Div(c.grad, c.op.Add(c.scalar(1, c.grad.dtype), c.op.Mul(c.input(0), c.input(0))))],
  samples: [
    sample('plain', { x: real([2, 3], { min: -0.68, max: 0.68 }) }, (op, { x }) => op.Atan(x), {
      reference: (op, { x }) => atanSeries(op, x),
    }),
  ],
};
