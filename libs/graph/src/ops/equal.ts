import { comparison } from './elementwise.js';
import { notDifferentiable, type OpRule } from './rule.js';
import { real, sample } from './samples.js';

export const Equal: OpRule<'Equal'> = {
  since: 7,
  arity: [2, 2],
  infer: comparison,
  vjp: notDifferentiable('a truth value has no derivative'),
  samples: [sample('broadcast', { a: real([2, 3]), b: real([3], { phase: 0.2 }) }, (op, { a, b }) => op.Equal(a, b))],
};
