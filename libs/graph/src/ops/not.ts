import { logical } from './elementwise.js';
import { notDifferentiable, type OpRule } from './rule.js';
import { bools, sample } from './samples.js';

export const Not: OpRule<'Not'> = {
  since: 1,
  arity: [1, 1],
  infer: logical,
  vjp: notDifferentiable('a truth value has no derivative'),
  samples: [sample('plain', { a: bools([2], [0, 1]) }, (op, { a }) => op.Not(a))],
};
