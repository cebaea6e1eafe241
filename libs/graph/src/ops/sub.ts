import { arithmetic } from './elementwise.js';
import type { OpRule } from './rule.js';
import { real, sample } from './samples.js';

export const Sub: OpRule<'Sub'> = {
  since: 7,
  arity: [2, 2],
  infer: arithmetic,
  // d(a - b) = da - db
  vjp: (c) => [
    c.needs(0) ? c.unbroadcast(c.grad, c.input(0)) : undefined,
    c.needs(1) ? c.op.Neg(c.unbroadcast(c.grad, c.input(1))) : undefined,
  ],
  samples: [
    sample('same shape', { a: real([2, 3]), b: real([2, 3], { phase: 0.1 }) }, (op, { a, b }) => op.Sub(a, b)),
    sample('column broadcast', { a: real([2, 3]), b: real([2, 1]) }, (op, { a, b }) => op.Sub(a, b)),
  ],
};
