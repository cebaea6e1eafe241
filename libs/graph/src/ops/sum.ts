import { broadcastInfer } from './elementwise.js';
import type { OpRule } from './rule.js';
import { real, sample } from './samples.js';

export const Sum: OpRule<'Sum'> = {
  since: 8,
  arity: [1, Infinity],
  infer: (ctx) => [broadcastInfer(ctx)],
  vjp: (c) => c.inputs.map((x, i) => (x && c.needs(i) ? c.unbroadcast(c.grad, x) : undefined)),
  samples: [
    sample('three', { a: real([2, 3]), b: real([3]), d: real([2, 1]) }, (op, { a, b, d }) => op.Sum(a, b, d), {
      reference: (op, { a, b, d }) => op.Add(op.Add(a, b), d),
    }),
  ],
};
