import { notDifferentiable, type OpRule } from './rule.js';
import { ints, sample } from './samples.js';

export const Range: OpRule<'Range'> = {
  since: 11,
  arity: [3, 3],
  infer: (ctx) => {
    const inputs = [ctx.input(0), ctx.input(1), ctx.input(2)];
    const [start, limit, delta] = inputs.map((v) => v.known?.[0]);
    const { dtype } = ctx.input(0);
    if (inputs.some((v) => v.dtype !== dtype || v.shape.length !== 0)) ctx.fail('it takes three scalars of one type');
    if (typeof start === 'number' && typeof limit === 'number' && typeof delta === 'number' && delta !== 0) {
      const n = Math.max(0, Math.ceil((limit - start) / delta));
      return [
        { dtype, shape: [n], known: n <= 256 ? Array.from({ length: n }, (_, i) => start + i * delta) : undefined },
      ];
    }
    return [{ dtype, shape: [start === 0 && delta === 1 && limit !== undefined ? limit : '?'] }];
  },
  vjp: notDifferentiable('the number of its elements depends on its inputs'),
  samples: [
    sample('by two', { a: ints([], [1]), b: ints([], [8]), d: ints([], [2]) }, (op, { a, b, d }) => op.Range(a, b, d)),
  ],
};
