import { INTEGERS } from './elementwise.js';
import type { OpRule } from './rule.js';
import { constant, ints, real, sample } from './samples.js';

export const CastLike: OpRule<'CastLike'> = {
  since: 15,
  arity: [2, 2],
  attrs: { saturate: 'int' },
  differentiable: [0],
  infer: (ctx) => {
    const x = ctx.input(0);
    const { dtype } = ctx.input(1);
    return [{ dtype, shape: x.shape, known: INTEGERS.has(dtype) ? x.known : undefined }];
  },
  vjp: (c) => [c.op.Cast(c.grad, c.input(0).dtype)],
  samples: [
    sample('floating', { x: real([3]) }, (op, { x }) => op.CastLike(x, constant(op, 1))),
    sample('from integers', { i: ints([2], [3, 4]) }, (op, { i }) => op.CastLike(i, constant(op, 1))),
  ],
};
