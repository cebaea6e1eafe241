import { product } from '../dims.js';
import type { OpRule } from './rule.js';
import { real, sample } from './samples.js';

export const Tile: OpRule<'Tile'> = {
  since: 6,
  arity: [2, 2],
  differentiable: [0],
  infer: (ctx) => {
    const { dtype, shape } = ctx.input(0);
    const repeats = ctx.input(1).known;
    if (repeats && repeats.length !== shape.length)
      ctx.fail(`it needs ${shape.length} repeats for rank ${shape.length}, not ${repeats.length}`);
    return [{ dtype, shape: shape.map((d, i) => (repeats ? product([d, repeats[i] ?? 1]) : '?')) }];
  },
  emit: (b, x, repeats) => {
    const [y] = b.node('Tile', [x, 'dtype' in repeats ? repeats : b.ints(repeats)]);
    return y ?? x;
  },
  // the adjoint as [r₀, n₀, r₁, n₁, …], summed over the repeats
  vjp: (c) => {
    const x = c.input(0);
    const rank = x.shape.length;
    if (rank === 0) return [c.grad];
    const repeats = c.op.Unsqueeze(c.input(1), [1]);
    const sizes = c.op.Unsqueeze(c.shapeOf(x), [1]);
    const pairs = c.op.Reshape(c.op.Concat([repeats, sizes], 1), [2 * rank]);
    const axes = Array.from({ length: rank }, (_, i) => 2 * i);
    return [c.reshapeLike(c.op.ReduceSum(c.op.Reshape(c.grad, pairs), { axes }), x)];
  },
  samples: [
    sample('two axes', { x: real([2, 3]) }, (op, { x }) => op.Tile(x, [3, 2])),
    sample('computed repeats', { x: real([2, 1]), y: real([3, 2]) }, (op, { x, y }) => op.Tile(x, op.Shape(y))),
  ],
};
