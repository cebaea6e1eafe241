import { floatUnary } from './elementwise.js';
import type { OpRule } from './rule.js';
import { real, sample } from './samples.js';

export const Exp: OpRule<'Exp'> = {
  since: 6,
  arity: [1, 1],
  infer: floatUnary,
  // (e^x)' = e^x
  vjp: (c) => [c.op.Mul(c.grad, c.output(0))],
  samples: [sample('plain', { x: real([2, 3]) }, (op, { x }) => op.Exp(x))],
};
