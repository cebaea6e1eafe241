import { floatUnary } from './elementwise.js';
import type { OpRule } from './rule.js';
import { real, sample } from './samples.js';

export const Log: OpRule<'Log'> = {
  since: 6,
  arity: [1, 1],
  infer: floatUnary,
  // ln'(x) = 1 / x
  vjp: (c) => [c.op.Div(c.grad, c.input(0))],
  samples: [sample('plain', { x: real([2, 3], { min: 0.2, max: 3 }) }, (op, { x }) => op.Log(x))],
};
