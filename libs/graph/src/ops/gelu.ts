import { floatUnary } from './elementwise.js';
import { stringAttr, type OpRule, type VjpContext } from './rule.js';
import { constant, erfSeries, real, sample } from './samples.js';
import type { Value } from './signatures.js';

/** α x + β, for results in [0, 1]: HardSigmoid does it in one pass over memory, where the runtime has it. */
const affine = (c: VjpContext, x: Value, alpha: number, beta: number): Value =>
  x.dtype === 'float32'
    ? c.op.HardSigmoid(x, { alpha, beta })
    : c.op.Add(c.op.Mul(x, c.scalar(alpha, x.dtype)), c.scalar(beta, x.dtype));

// Element-wise operators are bound by memory: what counts is their number, not what they compute.

// Φ(x) + x φ(x) with the normal distribution's Φ(x) = (1 + erf(x/√2)) / 2 and φ(x) = e^(-x²/2 - ln √(2π))
function exact(c: VjpContext, x: Value): Value {
  const k = (v: number) => c.scalar(v, x.dtype);
  const z = c.op.Mul(x, k(Math.SQRT1_2));
  const pdf = c.op.Exp(c.op.Sub(k(-0.5 * Math.log(2 * Math.PI)), c.op.Mul(z, z)));
  return c.op.Add(affine(c, c.op.Erf(z), 0.5, 0.5), c.op.Mul(x, pdf));
}

// y = x s with s = (1 + tanh u) / 2 = σ(2u), 2u = c x (x² + a/c), a = 2√(2/π), c = 0.044715 a: dy/dx = s + 3c (1 - s) y (x² + a/3c)
function viaTanh(c: VjpContext, x: Value): Value {
  const k = (v: number) => c.scalar(v, x.dtype);
  const a = 2 * Math.sqrt(2 / Math.PI);
  const cubic = 0.044715 * a;
  const square = c.op.Mul(x, x);
  const s = c.op.Sigmoid(c.op.Mul(c.op.Mul(x, k(cubic)), c.op.Add(square, k(a / cubic))));
  const slope = c.op.Mul(affine(c, s, -3 * cubic, 3 * cubic), c.op.Add(square, k(a / (3 * cubic))));
  // the runtime's operator for float64 is only as exact as float32
  const y = x.dtype === 'float64' ? c.op.Mul(x, s) : c.output(0);
  return c.op.Add(s, c.op.Mul(y, slope));
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
    sample('tanh in float32', { x: real([2, 3]) }, (op, { x }) => op.Gelu(x, { approximate: 'tanh' }), {
      reference: (op, { x }) => op.Gelu(x, { approximate: 'tanh' }),
    }),
  ],
};
