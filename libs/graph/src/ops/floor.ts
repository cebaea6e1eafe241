import { floatUnary } from './elementwise.js';
import { zeroGradient, type OpRule } from './rule.js';
import { real, sample } from './samples.js';

export const Floor: OpRule<'Floor'> = {
  since: 6,
  arity: [1, 1],
  infer: floatUnary,
  // constant between its jumps
  vjp: zeroGradient,
  samples: [sample('plain', { x: real([2, 3], { kinks: [-1, -0.5, 0, 0.5, 1] }) }, (op, { x }) => op.Floor(x))],
};
