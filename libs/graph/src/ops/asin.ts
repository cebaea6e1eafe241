import { floatUnary } from './elementwise.js';
import { type OpRule } from './rule.js';
import { asinSeries, real, sample } from './samples.js';

export const Asin: OpRule<'Asin'> = {
  since: 7,
  arity: [1, 1],
  infer: floatUnary,
  // asin' = 1 / √(1 - x²)
  vjp: (c) => [c.op.Div(c.grad, c.op.Sqrt(c.op.Sub(c.scalar(1, c.grad.dtype), c.op.Mul(c.input(0), c.input(0)))))],
  samples: [
    sample('plain', { x: real([2, 3], { min: -0.68, max: 0.68 }) }, (op, { x }) => op.Asin(x), {
      reference: (op, { x }) => asinSeries(op, x),
    }),
  ],
};
