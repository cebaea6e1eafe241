import { floatUnary } from './elementwise.js';
import { type OpRule } from './rule.js';
import { constant, real, sample } from './samples.js';

export const Softsign: OpRule<'Softsign'> = {
  since: 1,
  arity: [1, 1],
  infer: floatUnary,
  // y = x / (1 + |x|), y' = 1 / (1 + |x|)²
  vjp: (c) => {
    const d = c.op.Add(c.scalar(1, c.grad.dtype), c.op.Abs(c.input(0)));
    return [c.op.Div(c.grad, c.op.Mul(d, d))];
  },
  samples: [
    sample('plain', { x: real([2, 3], { kinks: [0] }) }, (op, { x }) => op.Softsign(x), {
      reference: (op, { x }) => op.Div(x, op.Add(constant(op, 1), op.Abs(x))),
    }),
  ],
};
