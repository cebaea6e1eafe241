import { floatUnary } from './elementwise.js';
import { floatAttr, type OpRule } from './rule.js';
import { constant, real, sample } from './samples.js';

export const Celu: OpRule<'Celu'> = {
  since: 12,
  arity: [1, 1],
  attrs: { alpha: 'float' },
  infer: floatUnary,
  // y = x for x > 0, else α (e^(x/α) - 1), whose derivative is e^(x/α)
  vjp: (c) => {
    const { dtype } = c.grad;
    const x = c.input(0);
    const alpha = c.scalar(floatAttr(c.attrs, 'alpha', 1), dtype);
    return [c.op.Where(c.op.Greater(x, c.scalar(0, dtype)), c.grad, c.op.Mul(c.grad, c.op.Exp(c.op.Div(x, alpha))))];
  },
  samples: [
    sample('alpha 0.5', { x: real([2, 3], { kinks: [0] }) }, (op, { x }) => op.Celu(x, { alpha: 0.5 }), {
      reference: (op, { x }) =>
        op.Where(
          op.Greater(x, constant(op, 0)),
          x,
          op.Mul(constant(op, 0.5), op.Sub(op.Exp(op.Mul(x, constant(op, 2))), constant(op, 1))),
        ),
    }),
  ],
};
