import { floatUnary } from './elementwise.js';
import { type OpRule } from './rule.js';
import { real, sample } from './samples.js';

export const Tan: OpRule<'Tan'> = {
  since: 7,
  arity: [1, 1],
  infer: floatUnary,
  // tan' = 1 + tan²
  vjp: (c) => [c.op.Mul(c.grad, c.op.Add(c.scalar(1, c.grad.dtype), c.op.Mul(c.output(0), c.output(0))))],
  samples: [
    sample('plain', { x: real([2, 3], { min: -1.2, max: 1.2 }) }, (op, { x }) => op.Tan(x), {
      reference: (op, { x }) => op.Div(op.Sin(x), op.Cos(x)),
    }),
  ],
};
