import { sameAsInput } from './elementwise.js';
import type { OpRule } from './rule.js';
import { real, sample } from './samples.js';

export const Neg: OpRule<'Neg'> = {
  since: 6,
  arity: [1, 1],
  infer: sameAsInput,
  // (-x)' = -1
  vjp: (c) => [c.op.Neg(c.grad)],
  samples: [sample('plain', { x: real([2, 3]) }, (op, { x }) => op.Neg(x))],
};
