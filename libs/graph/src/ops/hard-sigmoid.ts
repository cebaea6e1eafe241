import { floatUnary } from './elementwise.js';
import { floatAttr, type OpRule } from './rule.js';
import { constant, real, sample } from './samples.js';

export const HardSigmoid: OpRule<'HardSigmoid'> = {
  since: 6,
  arity: [1, 1],
  attrs: { alpha: 'float', beta: 'float' },
  infer: floatUnary,
  // α between the limits 0 and 1 of max(0, min(1, α x + β)), 0 outside
  vjp: (c) => {
    const { dtype } = c.grad;
    const y = c.output(0);
    const inside = c.op.And(c.op.Greater(y, c.scalar(0, dtype)), c.op.Less(y, c.scalar(1, dtype)));
    const slope = c.scalar(floatAttr(c.attrs, 'alpha', 0.2), dtype);
    return [c.op.Where(inside, c.op.Mul(c.grad, slope), c.scalar(0, dtype))];
  },
  samples: [
    sample(
      'alpha 0.7',
      { x: real([2, 4], { kinks: [-5 / 7, 5 / 7] }) },
      (op, { x }) => op.HardSigmoid(x, { alpha: 0.7, beta: 0.5 }),
      {
        reference: (op, { x }) =>
          op.Max(constant(op, 0), op.Min(constant(op, 1), op.Add(op.Mul(x, constant(op, 0.7)), constant(op, 0.5)))),
      },
    ),
  ],
};
