import { arithmetic } from './elementwise.js';
import type { OpRule } from './rule.js';
import { real, sample } from './samples.js';

export const Mul: OpRule<'Mul'> = {
  since: 7,
  arity: [2, 2],
  infer: arithmetic,
  // d(a b) = b da + a db
  vjp: (c) => [
    c.needs(0) ? c.unbroadcast(c.op.Mul(c.grad, c.input(1)), c.input(0)) : undefined,
    c.needs(1) ? c.unbroadcast(c.op.Mul(c.grad, c.input(0)), c.input(1)) : undefined,
  ],
  samples: [
    sample('same shape', { a: real([2, 3]), b: real([2, 3], { phase: 0.1 }) }, (op, { a, b }) => op.Mul(a, b)),
    sample('row broadcast', { a: real([2, 3]), b: real([3]) }, (op, { a, b }) => op.Mul(a, b)),
    sample('square', { a: real([4]) }, (op, { a }) => op.Mul(a, a)),
  ],
};
