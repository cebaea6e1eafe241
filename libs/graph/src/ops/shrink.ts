import { floatUnary } from './elementwise.js';
import { floatAttr, type OpRule } from './rule.js';
import { constant, real, sample } from './samples.js';

export const Shrink: OpRule<'Shrink'> = {
  since: 9,
  arity: [1, 1],
  attrs: { lambd: 'float', bias: 'float' },
  infer: floatUnary,
  // x + bias below -λ, x - bias above λ, 0 between
  vjp: (c) => {
    const { dtype } = c.grad;
    const outside = c.op.Greater(c.op.Abs(c.input(0)), c.scalar(floatAttr(c.attrs, 'lambd', 0.5), dtype));
    return [c.op.Where(outside, c.grad, c.scalar(0, dtype))];
  },
  samples: [
    sample(
      'soft',
      { x: real([2, 4], { kinks: [-0.4, 0.4] }) },
      (op, { x }) => op.Shrink(x, { lambd: 0.4, bias: 0.25 }),
      {
        reference: (op, { x }) =>
          op.Where(
            op.Greater(op.Abs(x), constant(op, 0.4)),
            op.Sub(x, op.Mul(op.Sign(x), constant(op, 0.25))),
            constant(op, 0),
          ),
      },
    ),
  ],
};
