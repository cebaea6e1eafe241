import { arithmetic, broadcastInfer } from './elementwise.js';
import type { OpRule } from './rule.js';
import { real, sample } from './samples.js';
import { tiedGradients } from './ties.js';

export const Max: OpRule<'Max'> = {
  since: 8,
  arity: [1, Infinity],
  infer: (ctx) => (ctx.inputs.length === 2 ? arithmetic(ctx) : [broadcastInfer(ctx)]),
  // the adjoint goes to the largest operand, in equal parts where several are
  vjp: tiedGradients,
  samples: [
    sample('two', { a: real([2, 3]), b: real([3], { phase: 0.11 }) }, (op, { a, b }) => op.Max(a, b)),
    sample('three', { a: real([4]), b: real([4], { phase: 0.11 }), d: real([4], { phase: 0.7 }) }, (op, { a, b, d }) =>
      op.Max(a, b, d),
    ),
  ],
};
