import { broadcast, showShape } from '../dims.js';
import { broadcastInfer } from './elementwise.js';
import type { OpRule } from './rule.js';
import { bools, real, sample } from './samples.js';

export const Where: OpRule<'Where'> = {
  since: 9,
  arity: [3, 3],
  differentiable: [1, 2],
  infer: (ctx) => {
    const condition = ctx.input(0);
    if (condition.dtype !== 'bool') ctx.fail(`its condition must be bool, not ${condition.dtype}`);
    const { dtype, shape } = broadcastInfer(ctx, 1);
    const all = broadcast(condition.shape, shape);
    if (!all)
      return ctx.fail(`its condition ${showShape(condition.shape)} cannot be broadcast with ${showShape(shape)}`);
    return [{ dtype, shape: all }];
  },
  vjp: (c) => {
    const condition = c.input(0);
    const zero = c.scalar(0, c.grad.dtype);
    return [
      undefined,
      c.needs(1) ? c.unbroadcast(c.op.Where(condition, c.grad, zero), c.input(1)) : undefined,
      c.needs(2) ? c.unbroadcast(c.op.Where(condition, zero, c.grad), c.input(2)) : undefined,
    ];
  },
  samples: [
    sample('broadcast', { m: bools([2, 1], [1, 0]), a: real([2, 3]), b: real([3]) }, (op, { m, a, b }) =>
      op.Where(m, a, b),
    ),
    sample('scalar branch', { m: bools([4], [1, 0, 0, 1]), a: real([4]), b: real([]) }, (op, { m, a, b }) =>
      op.Where(m, a, b),
    ),
  ],
};
