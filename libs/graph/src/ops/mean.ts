import { broadcastInfer } from './elementwise.js';
import type { OpRule } from './rule.js';
import { constant, real, sample } from './samples.js';

export const Mean: OpRule<'Mean'> = {
  since: 8,
  arity: [1, Infinity],
  infer: (ctx) => [broadcastInfer(ctx)],
  vjp: (c) => {
    const share = c.op.Mul(c.grad, c.scalar(1 / c.inputs.length, c.grad.dtype));
    return c.inputs.map((x, i) => (x && c.needs(i) ? c.unbroadcast(share, x) : undefined));
  },
  samples: [
    sample('two', { a: real([2, 3]), b: real([3]) }, (op, { a, b }) => op.Mean(a, b), {
      reference: (op, { a, b }) => op.Mul(op.Add(a, b), constant(op, 0.5)),
    }),
  ],
};
