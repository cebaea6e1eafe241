import { intsAttr, type OpRule } from './rule.js';
import { real, sample } from './samples.js';

export const Transpose: OpRule<'Transpose'> = {
  since: 1,
  arity: [1, 1],
  attrs: { perm: 'ints' },
  infer: (ctx) => {
    const { dtype, shape } = ctx.input(0);
    const perm = intsAttr(ctx.attrs, 'perm') ?? shape.map((_, i) => shape.length - 1 - i);
    if (perm.length !== shape.length || [...perm].sort((a, b) => a - b).some((p, i) => p !== i))
      ctx.fail(`[${perm.join(', ')}] is not an order of ${shape.length} axes`);
    return [{ dtype, shape: perm.map((p) => shape[p] ?? 1) }];
  },
  emit: (b, x, perm) => {
    const [y] = b.node('Transpose', [x], {
      perm: { type: 'ints', value: perm ?? x.shape.map((_, i) => x.shape.length - 1 - i) },
    });
    return y ?? x;
  },
  // the inverse order
  vjp: (c) => {
    const perm = intsAttr(c.attrs, 'perm') ?? c.grad.shape.map((_, i) => c.grad.shape.length - 1 - i);
    const inverse: number[] = [];
    perm.forEach((p, i) => (inverse[p] = i));
    return [c.op.Transpose(c.grad, inverse)];
  },
  samples: [
    sample('matrix', { x: real([2, 3]) }, (op, { x }) => op.Transpose(x)),
    sample('cycle', { x: real([2, 3, 4]) }, (op, { x }) => op.Transpose(x, [1, 2, 0])),
  ],
};
