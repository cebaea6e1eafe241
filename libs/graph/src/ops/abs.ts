import { sameAsInput } from './elementwise.js';
import type { OpRule } from './rule.js';
import { real, sample } from './samples.js';

export const Abs: OpRule<'Abs'> = {
  since: 6,
  arity: [1, 1],
  infer: sameAsInput,
  // |x|' = sign(x), 0 at 0
  vjp: (c) => [c.op.Mul(c.grad, c.op.Sign(c.input(0)))],
  samples: [sample('plain', { x: real([2, 3], { kinks: [0] }) }, (op, { x }) => op.Abs(x))],
};
