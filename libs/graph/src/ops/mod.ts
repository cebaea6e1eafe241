import { arithmetic } from './elementwise.js';
import { notDifferentiable, type OpRule } from './rule.js';
import { ints, sample } from './samples.js';

export const Mod: OpRule<'Mod'> = {
  since: 10,
  arity: [2, 2],
  attrs: { fmod: 'int' },
  infer: arithmetic,
  vjp: notDifferentiable('the remainder jumps'),
  samples: [sample('integers', { a: ints([4], [7, -7, 8, 0]), b: ints([], [3]) }, (op, { a, b }) => op.Mod(a, b))],
};
