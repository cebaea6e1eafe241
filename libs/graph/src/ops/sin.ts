import { floatUnary } from './elementwise.js';
import type { OpRule } from './rule.js';
import { real, sample } from './samples.js';

export const Sin: OpRule<'Sin'> = {
  since: 7,
  arity: [1, 1],
  infer: floatUnary,
  // sin' = cos
  vjp: (c) => [c.op.Mul(c.grad, c.op.Cos(c.input(0)))],
  samples: [sample('plain', { x: real([2, 3]) }, (op, { x }) => op.Sin(x))],
};
