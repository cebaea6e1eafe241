import { sameAsInput } from './elementwise.js';
import type { OpRule } from './rule.js';
import { real, sample } from './samples.js';

export const Relu: OpRule<'Relu'> = {
  since: 6,
  arity: [1, 1],
  infer: sameAsInput,
  // 1 where x > 0, else 0 (also at 0)
  vjp: (c) => [c.op.Where(c.op.Greater(c.output(0), c.scalar(0, c.grad.dtype)), c.grad, c.scalar(0, c.grad.dtype))],
  samples: [sample('plain', { x: real([2, 3], { kinks: [0] }) }, (op, { x }) => op.Relu(x))],
};
