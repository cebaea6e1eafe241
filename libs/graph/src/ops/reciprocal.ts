import { floatUnary } from './elementwise.js';
import type { OpRule } from './rule.js';
import { real, sample } from './samples.js';

export const Reciprocal: OpRule<'Reciprocal'> = {
  since: 6,
  arity: [1, 1],
  infer: floatUnary,
  // (1/x)' = -1/x²
  vjp: (c) => [c.op.Neg(c.op.Mul(c.grad, c.op.Mul(c.output(0), c.output(0))))],
  samples: [sample('plain', { x: real([2, 3], { min: 0.4, max: 3 }) }, (op, { x }) => op.Reciprocal(x))],
};
