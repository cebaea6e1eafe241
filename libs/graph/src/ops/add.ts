import { arithmetic } from './elementwise.js';
import type { OpRule } from './rule.js';
import { real, sample } from './samples.js';

export const Add: OpRule<'Add'> = {
  since: 7,
  arity: [2, 2],
  infer: arithmetic,
  // d(a + b) = da + db
  vjp: (c) => [
    c.needs(0) ? c.unbroadcast(c.grad, c.input(0)) : undefined,
    c.needs(1) ? c.unbroadcast(c.grad, c.input(1)) : undefined,
  ],
  samples: [
    sample('same shape', { a: real([2, 3]), b: real([2, 3], { phase: 0.1 }) }, (op, { a, b }) => op.Add(a, b)),
    sample('row broadcast', { a: real([2, 3]), b: real([3]) }, (op, { a, b }) => op.Add(a, b)),
    sample('both broadcast', { a: real([4, 1, 3]), b: real([2, 1]) }, (op, { a, b }) => op.Add(a, b)),
    sample('scalar', { a: real([]), b: real([2, 2]) }, (op, { a, b }) => op.Add(a, b)),
    sample('one value twice', { a: real([3]) }, (op, { a }) => op.Add(a, a)),
  ],
};
