import { sameAsInput } from './elementwise.js';
import { intAttr, type OpRule } from './rule.js';
import { real, sample } from './samples.js';

export const Trilu: OpRule<'Trilu'> = {
  since: 14,
  arity: [1, 2],
  attrs: { upper: 'int' },
  differentiable: [0],
  infer: (ctx) => {
    if (ctx.input(0).shape.length < 2) ctx.fail('it needs a tensor of rank 2 or more');
    return sameAsInput(ctx);
  },
  emit: (b, x, { upper = true, k = 0 } = {}) => {
    const [y] = b.node('Trilu', [x, k === 0 ? undefined : b.scalar(k, 'int64')], {
      upper: { type: 'int', value: upper ? 1 : 0 },
    });
    return y ?? x;
  },
  // what was kept gets its adjoint
  vjp: (c) => {
    const upper = { type: 'int', value: intAttr(c.attrs, 'upper', 1) } as const;
    return [c.node('Trilu', [c.grad, c.inputs[1]], { upper })[0]];
  },
  samples: [
    sample('upper', { x: real([3, 4]) }, (op, { x }) => op.Trilu(x)),
    sample('strictly lower, in a batch', { x: real([2, 3, 3]) }, (op, { x }) => op.Trilu(x, { upper: false, k: -1 })),
  ],
};
