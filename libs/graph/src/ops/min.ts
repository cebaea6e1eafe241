import { arithmetic, broadcastInfer } from './elementwise.js';
import type { OpRule } from './rule.js';
import { real, sample } from './samples.js';
import { tiedGradients } from './ties.js';

export const Min: OpRule<'Min'> = {
  since: 8,
  arity: [1, Infinity],
  infer: (ctx) => (ctx.inputs.length === 2 ? arithmetic(ctx) : [broadcastInfer(ctx)]),
  // the adjoint goes to the smallest operand, in equal parts where several are
  vjp: tiedGradients,
  samples: [
    sample('two', { a: real([2, 3]), b: real([3], { phase: 0.11 }) }, (op, { a, b }) => op.Min(a, b)),
    sample('three', { a: real([4]), b: real([4], { phase: 0.11 }), d: real([4], { phase: 0.7 }) }, (op, { a, b, d }) =>
      op.Min(a, b, d),
    ),
  ],
};
