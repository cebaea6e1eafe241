import { floatUnary } from './elementwise.js';
import { floatAttr, type OpRule } from './rule.js';
import { constant, real, sample } from './samples.js';

export const Elu: OpRule<'Elu'> = {
  since: 6,
  arity: [1, 1],
  attrs: { alpha: 'float' },
  infer: floatUnary,
  // y = α (e^x - 1) for x < 0, whose derivative is y + α; 1 elsewhere
  vjp: (c) => {
    const { dtype } = c.grad;
    const slope = c.op.Add(c.output(0), c.scalar(floatAttr(c.attrs, 'alpha', 1), dtype));
    return [c.op.Where(c.op.Greater(c.input(0), c.scalar(0, dtype)), c.grad, c.op.Mul(c.grad, slope))];
  },
  samples: [
    sample('alpha 0.5', { x: real([2, 3], { kinks: [0] }) }, (op, { x }) => op.Elu(x, { alpha: 0.5 }), {
      reference: (op, { x }) =>
        op.Where(op.Greater(x, constant(op, 0)), x, op.Mul(constant(op, 0.5), op.Sub(op.Exp(x), constant(op, 1)))),
    }),
  ],
};
