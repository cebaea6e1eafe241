import { floatUnary } from './elementwise.js';
import { stringAttr, type OpRule, type VjpContext } from './rule.js';
import { constant, erfSeries, real, sample } from './samples.js';
import type { Value } from './signatures.js';

// Φ(x) + x φ(x) with the normal distribution's Φ(x) = (1 + erf(x/√2)) / 2 and φ(x) = e^(-x²/2) / √(2π)
function exact(c: VjpContext, x: Value): Value {
  const k = (v: number) => c.scalar(v, x.dtype);
  const cdf = c.op.Mul(c.op.Add(c.op.Erf(c.op.Mul(x, k(Math.SQRT1_2))), k(1)), k(0.5));
  const pdf = c.op.Mul(c.op.Exp(c.op.Mul(c.op.Mul(x, x), k(-0.5))), k(1 / Math.sqrt(2 * Math.PI)));
  return c.op.Add(cdf, c.op.Mul(x, pdf));
}

// y = x (1 + t) / 2, t = tanh(u), u = √(2/π) (x + 0.044715 x³): (1 + t) / 2 + x (1 - t²) / 2 u'
function viaTanh(c: VjpContext, x: Value): Value {
  const k = (v: number) => c.scalar(v, x.dtype);
  const root = Math.sqrt(2 / Math.PI);
  const square = c.op.Mul(x, x);
  const u = c.op.Mul(x, c.op.Add(c.op.Mul(square, k(root * 0.044715)), k(root)));
  const du = c.op.Add(c.op.Mul(square, k(3 * root * 0.044715)), k(root));
  const t = c.op.Tanh(u);
  const half = c.op.Mul(c.op.Add(t, k(1)), k(0.5));
  return c.op.Add(half, c.op.Mul(c.op.Mul(c.op.Mul(x, k(0.5)), c.op.Sub(k(1), c.op.Mul(t, t))), du));
}

/** Hendrycks & Gimpel 2016, arXiv 1606.08415. */
export const Gelu: OpRule<'Gelu'> = {
  since: 20,
  arity: [1, 1],
  attrs: { approximate: 'string' },
  infer: floatUnary,
  vjp: (c) => {
    const x = c.input(0);
    return [c.op.Mul(c.grad, stringAttr(c.attrs, 'approximate', 'none') === 'tanh' ? viaTanh(c, x) : exact(c, x))];
  },
  samples: [
    sample('exact', { x: real([2, 3]) }, (op, { x }) => op.Gelu(x), {
      reference: (op, { x }) =>
        op.Mul(
          op.Mul(x, constant(op, 0.5)),
          op.Add(erfSeries(op, op.Mul(x, constant(op, Math.SQRT1_2))), constant(op, 1)),
        ),
    }),
    sample('tanh', { x: real([2, 3]) }, (op, { x }) => op.Gelu(x, { approximate: 'tanh' })),
  ],
};
