import { floatUnary } from './elementwise.js';
import { type OpRule } from './rule.js';
import { constant, real, sample } from './samples.js';

export const HardSwish: OpRule<'HardSwish'> = {
  since: 14,
  arity: [1, 1],
  infer: floatUnary,
  // x max(0, min(1, x/6 + 1/2)): 0 below -3, x/3 + 1/2 up to 3, 1 above
  vjp: (c) => {
    const { dtype } = c.grad;
    const x = c.input(0);
    const number = (v: number) => c.scalar(v, dtype);
    const middle = c.op.Add(c.op.Mul(x, number(1 / 3)), number(0.5));
    const slope = c.op.Where(
      c.op.Greater(x, number(3)),
      number(1),
      c.op.Where(c.op.Less(x, number(-3)), number(0), middle),
    );
    return [c.op.Mul(c.grad, slope)];
  },
  samples: [
    sample('all parts', { x: real([2, 5], { min: -5, max: 5, kinks: [-3, 3] }) }, (op, { x }) => op.HardSwish(x), {
      reference: (op, { x }) =>
        op.Mul(
          x,
          op.Max(constant(op, 0), op.Min(constant(op, 1), op.Add(op.Mul(x, constant(op, 1 / 6)), constant(op, 0.5)))),
        ),
    }),
  ],
};
