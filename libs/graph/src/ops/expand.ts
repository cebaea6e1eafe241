import { broadcast, showShape } from '../dims.js';
import type { OpRule } from './rule.js';
import { real, sample } from './samples.js';

export const Expand: OpRule<'Expand'> = {
  since: 8,
  arity: [2, 2],
  differentiable: [0],
  infer: (ctx) => {
    const [x, shape] = [ctx.input(0), ctx.input(1)];
    if (!shape.known) {
      const [n] = shape.shape;
      if (typeof n !== 'number') return ctx.fail('the rank of its result is not known');
      return [{ dtype: x.dtype, shape: Array.from({ length: Math.max(n, x.shape.length) }, () => '?') }];
    }
    const out = broadcast(x.shape, shape.known);
    if (!out) return ctx.fail(`it cannot expand ${showShape(x.shape)} to ${showShape(shape.known)}`);
    return [{ dtype: x.dtype, shape: out }];
  },
  emit: (b, x, shape) => {
    const [y] = b.node('Expand', [x, 'dtype' in shape ? shape : b.ints(shape)]);
    return y ?? x;
  },
  vjp: (c) => [c.unbroadcast(c.grad, c.input(0))],
  samples: [
    sample('new axis', { x: real([2, 1]) }, (op, { x }) => op.Expand(x, [3, 2, 4])),
    sample('scalar', { x: real([]) }, (op, { x }) => op.Expand(x, [2, 2])),
    sample('computed shape', { x: real([1, 3]), y: real([2, 3]) }, (op, { x, y }) => op.Expand(x, op.Shape(y))),
  ],
};
