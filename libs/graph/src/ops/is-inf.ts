import { notDifferentiable, type OpRule } from './rule.js';
import { real, sample } from './samples.js';

export const IsInf: OpRule<'IsInf'> = {
  since: 10,
  arity: [1, 1],
  attrs: { detect_negative: 'int', detect_positive: 'int' },
  infer: (ctx) => [{ dtype: 'bool', shape: ctx.input(0).shape }],
  vjp: notDifferentiable('a truth value has no derivative'),
  samples: [sample('plain', { x: real([2, 2]) }, (op, { x }) => op.IsInf(x))],
};
