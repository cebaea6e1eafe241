import { floatUnary } from './elementwise.js';
import type { OpRule } from './rule.js';
import { real, sample } from './samples.js';

export const Sqrt: OpRule<'Sqrt'> = {
  since: 6,
  arity: [1, 1],
  infer: floatUnary,
  // √x' = 1 / (2 √x)
  vjp: (c) => [c.op.Div(c.grad, c.op.Add(c.output(0), c.output(0)))],
  samples: [sample('plain', { x: real([2, 3], { min: 0.2, max: 3 }) }, (op, { x }) => op.Sqrt(x))],
};
