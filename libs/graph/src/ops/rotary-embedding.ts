import { floatUnary } from './elementwise.js';
import type { OpRule } from './rule.js';
import { ints, real, sample } from './samples.js';
import { tensorOf } from '../tensor.js';
import type { OpFunctions, Value } from './signatures.js';

/** Values of a table for the samples; no gradient is asked for it. */
const table = (op: OpFunctions, like: Value, shape: readonly number[], phase: number): Value =>
  op.Cast(op.Constant(tensorOf('float64', shape, real(shape, { phase }).values)), like.dtype);

/** Su et al. 2021, arXiv 2104.09864: each pair (a, b) of a head becomes (a cos - b sin, a sin + b cos). */
export const RotaryEmbedding: OpRule<'RotaryEmbedding'> = {
  since: 23,
  arity: [3, 4],
  attrs: { interleaved: 'int', num_heads: 'int', rotary_embedding_dim: 'int' },
  differentiable: [0],
  infer: (ctx) => {
    const rank = ctx.input(0).shape.length;
    if (rank !== 3 && rank !== 4) ctx.fail(`it takes [N, heads, L, size] or [N, L, heads · size], not ${rank} axes`);
    return floatUnary(ctx);
  },
  // a rotation is undone by turning the other way
  vjp: (c) => c.node('RotaryEmbedding', [c.grad, c.input(1), c.op.Neg(c.input(2)), c.inputs[3]], c.attrs),
  samples: [
    sample(
      'halves',
      { x: real([1, 2, 3, 4]) },
      (op, { x }) => op.RotaryEmbedding(x, table(op, x, [1, 3, 2], 0), table(op, x, [1, 3, 2], 0.7)),
      {
        static: true,
        reference: (op, { x }) => {
          const [a, b] = op.Split(x, [2, 2], 3);
          const [c, s] = [table(op, x, [1, 1, 3, 2], 0), table(op, x, [1, 1, 3, 2], 0.7)];
          if (!a || !b) return x;
          return op.Concat([op.Sub(op.Mul(a, c), op.Mul(b, s)), op.Add(op.Mul(a, s), op.Mul(b, c))], 3);
        },
      },
    ),
    sample(
      'neighbours, by position',
      { x: real([1, 2, 8]), at: ints([1, 2], [4, 1]) },
      (op, { x, at }) =>
        op.RotaryEmbedding(x, table(op, x, [5, 2], 0), table(op, x, [5, 2], 0.7), at, {
          interleaved: true,
          num_heads: 2,
        }),
      {
        static: true,
        reference: (op, { x, at }) => {
          const pairs = op.Reshape(x, [1, 2, 2, 2, 2]);
          const [a, b] = op.Split(pairs, [1, 1], 4);
          const rows = (phase: number) => op.Reshape(op.Gather(table(op, x, [5, 2], phase), at), [1, 2, 1, 2, 1]);
          const [c, s] = [rows(0), rows(0.7)];
          if (!a || !b) return x;
          const turned = op.Concat([op.Sub(op.Mul(a, c), op.Mul(b, s)), op.Add(op.Mul(a, s), op.Mul(b, c))], 4);
          return op.Reshape(turned, [1, 2, 8]);
        },
      },
    ),
  ],
};
