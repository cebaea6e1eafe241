import { sameAsInput } from './elementwise.js';
import { zeroGradient, type OpRule } from './rule.js';
import { real, sample } from './samples.js';

export const Sign: OpRule<'Sign'> = {
  since: 9,
  arity: [1, 1],
  infer: sameAsInput,
  // constant between its jumps
  vjp: zeroGradient,
  samples: [sample('plain', { x: real([2, 3], { kinks: [-1, -0.5, 0, 0.5, 1] }) }, (op, { x }) => op.Sign(x))],
};
