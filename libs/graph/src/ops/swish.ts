import { floatUnary } from './elementwise.js';
import { floatAttr, type OpRule } from './rule.js';
import { real, sample } from './samples.js';

export const Swish: OpRule<'Swish'> = {
  since: 24,
  arity: [1, 1],
  attrs: { alpha: 'float' },
  infer: floatUnary,
  // the operator is newer than the operator set that Strata writes: x σ(α x) by parts
  emit: (b, x, { alpha = 1 } = {}) =>
    b.op.Mul(x, b.op.Sigmoid(alpha === 1 ? x : b.op.Mul(x, b.scalar(alpha, x.dtype)))),
  // (x s)' = s + α x s (1 - s) with s = σ(α x)
  vjp: (c) => {
    const { dtype } = c.grad;
    const scaled = c.op.Mul(c.input(0), c.scalar(floatAttr(c.attrs, 'alpha', 1), dtype));
    const s = c.op.Sigmoid(scaled);
    const rise = c.op.Mul(scaled, c.op.Mul(s, c.op.Sub(c.scalar(1, dtype), s)));
    return [c.op.Mul(c.grad, c.op.Add(s, rise))];
  },
  samples: [
    sample('plain', { x: real([2, 3]) }, (op, { x }) => op.Swish(x)),
    sample('alpha 1.7', { x: real([2, 3]) }, (op, { x }) => op.Swish(x, { alpha: 1.7 })),
  ],
};
