import { floatUnary } from './elementwise.js';
import { floatAttr, type OpRule } from './rule.js';
import { constant, real, sample } from './samples.js';

export const ThresholdedRelu: OpRule<'ThresholdedRelu'> = {
  since: 10,
  arity: [1, 1],
  attrs: { alpha: 'float' },
  infer: floatUnary,
  // x above α, 0 elsewhere
  vjp: (c) => {
    const { dtype } = c.grad;
    const alpha = c.scalar(floatAttr(c.attrs, 'alpha', 1), dtype);
    return [c.op.Where(c.op.Greater(c.input(0), alpha), c.grad, c.scalar(0, dtype))];
  },
  samples: [
    sample('alpha 0.3', { x: real([2, 3], { kinks: [0.3] }) }, (op, { x }) => op.ThresholdedRelu(x, { alpha: 0.3 }), {
      reference: (op, { x }) => op.Where(op.Greater(x, constant(op, 0.3)), x, constant(op, 0)),
    }),
  ],
};
