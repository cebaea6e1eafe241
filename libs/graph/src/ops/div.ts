import { arithmetic } from './elementwise.js';
import type { OpRule } from './rule.js';
import { real, sample } from './samples.js';

export const Div: OpRule<'Div'> = {
  since: 7,
  arity: [2, 2],
  infer: arithmetic,
  // d(a / b) = da / b - (a / b) db / b
  vjp: (c) => [
    c.needs(0) ? c.unbroadcast(c.op.Div(c.grad, c.input(1)), c.input(0)) : undefined,
    c.needs(1) ? c.op.Neg(c.unbroadcast(c.op.Div(c.op.Mul(c.grad, c.output(0)), c.input(1)), c.input(1))) : undefined,
  ],
  samples: [
    sample('same shape', { a: real([2, 3]), b: real([2, 3], { min: 0.5, max: 2 }) }, (op, { a, b }) => op.Div(a, b)),
    sample('by a column', { a: real([2, 3]), b: real([2, 1], { min: -2, max: -0.5 }) }, (op, { a, b }) => op.Div(a, b)),
  ],
};
