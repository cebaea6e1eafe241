import { floatUnary } from './elementwise.js';
import type { OpRule } from './rule.js';
import { real, sample } from './samples.js';

export const Tanh: OpRule<'Tanh'> = {
  since: 6,
  arity: [1, 1],
  infer: floatUnary,
  // tanh' = 1 - tanh²
  vjp: (c) => [c.op.Mul(c.grad, c.op.Sub(c.scalar(1, c.grad.dtype), c.op.Mul(c.output(0), c.output(0))))],
  samples: [sample('plain', { x: real([2, 3]) }, (op, { x }) => op.Tanh(x))],
};
