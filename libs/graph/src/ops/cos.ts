import { floatUnary } from './elementwise.js';
import type { OpRule } from './rule.js';
import { real, sample } from './samples.js';

export const Cos: OpRule<'Cos'> = {
  since: 7,
  arity: [1, 1],
  infer: floatUnary,
  // cos' = -sin
  vjp: (c) => [c.op.Neg(c.op.Mul(c.grad, c.op.Sin(c.input(0))))],
  samples: [sample('plain', { x: real([2, 3]) }, (op, { x }) => op.Cos(x))],
};
