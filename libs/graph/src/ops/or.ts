import { logical } from './elementwise.js';
import { notDifferentiable, type OpRule } from './rule.js';
import { bools, sample } from './samples.js';

export const Or: OpRule<'Or'> = {
  since: 7,
  arity: [2, 2],
  infer: logical,
  vjp: notDifferentiable('a truth value has no derivative'),
  samples: [
    sample('broadcast', { a: bools([2, 2], [0, 0, 1, 1]), b: bools([2], [0, 1]) }, (op, { a, b }) => op.Or(a, b)),
  ],
};
