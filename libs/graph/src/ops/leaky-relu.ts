import { floatUnary } from './elementwise.js';
import { floatAttr, type OpRule } from './rule.js';
import { constant, real, sample } from './samples.js';

export const LeakyRelu: OpRule<'LeakyRelu'> = {
  since: 6,
  arity: [1, 1],
  attrs: { alpha: 'float' },
  infer: floatUnary,
  // 1 where x > 0, else α
  vjp: (c) => {
    const { dtype } = c.grad;
    const slope = c.scalar(floatAttr(c.attrs, 'alpha', 0.01), dtype);
    return [c.op.Where(c.op.Greater(c.input(0), c.scalar(0, dtype)), c.grad, c.op.Mul(c.grad, slope))];
  },
  samples: [
    sample('default slope', { x: real([2, 3], { kinks: [0] }) }, (op, { x }) => op.LeakyRelu(x), {
      reference: (op, { x }) => op.Max(x, op.Mul(x, constant(op, 0.01))),
    }),
    sample('slope 0.25', { x: real([2, 3], { kinks: [0] }) }, (op, { x }) => op.LeakyRelu(x, { alpha: 0.25 }), {
      reference: (op, { x }) => op.Max(x, op.Mul(x, constant(op, 0.25))),
    }),
  ],
};
