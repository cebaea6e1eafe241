import { floatUnary } from './elementwise.js';
import type { OpRule } from './rule.js';
import { real, sample } from './samples.js';

export const Sigmoid: OpRule<'Sigmoid'> = {
  since: 6,
  arity: [1, 1],
  infer: floatUnary,
  // σ' = σ (1 - σ)
  vjp: (c) => [c.op.Mul(c.grad, c.op.Mul(c.output(0), c.op.Sub(c.scalar(1, c.grad.dtype), c.output(0))))],
  samples: [sample('plain', { x: real([2, 3]) }, (op, { x }) => op.Sigmoid(x))],
};
