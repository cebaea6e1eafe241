import { notDifferentiable, type OpRule } from './rule.js';
import { real, sample } from './samples.js';

export const IsNaN: OpRule<'IsNaN'> = {
  since: 9,
  arity: [1, 1],
  infer: (ctx) => [{ dtype: 'bool', shape: ctx.input(0).shape }],
  vjp: notDifferentiable('a truth value has no derivative'),
  samples: [sample('plain', { x: real([2, 2]) }, (op, { x }) => op.IsNaN(x))],
};
