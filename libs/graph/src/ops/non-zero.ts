import { notDifferentiable, type OpRule } from './rule.js';
import { bools, sample } from './samples.js';

export const NonZero: OpRule<'NonZero'> = {
  since: 9,
  arity: [1, 1],
  infer: (ctx) => [{ dtype: 'int64', shape: [ctx.input(0).shape.length, '?'] }],
  vjp: notDifferentiable('its result are indices'),
  samples: [sample('vector', { x: bools([4], [0, 1, 1, 0]) }, (op, { x }) => op.NonZero(x))],
};
