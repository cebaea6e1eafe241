import { floatUnary } from './elementwise.js';
import { floatAttr, type OpRule } from './rule.js';
import { constant, real, sample } from './samples.js';

/** Klambauer et al. 2017: activations keep mean 0 and variance 1. */
const SELU_ALPHA = 1.67326319217681884765625;
const SELU_GAMMA = 1.05070102214813232421875;

export const Selu: OpRule<'Selu'> = {
  since: 6,
  arity: [1, 1],
  attrs: { alpha: 'float', gamma: 'float' },
  infer: floatUnary,
  // y = γ x for x > 0, else γ α (e^x - 1), whose derivative is y + γ α
  vjp: (c) => {
    const { dtype } = c.grad;
    const alpha = floatAttr(c.attrs, 'alpha', SELU_ALPHA);
    const gamma = floatAttr(c.attrs, 'gamma', SELU_GAMMA);
    const below = c.op.Add(c.output(0), c.scalar(gamma * alpha, dtype));
    const slope = c.op.Where(c.op.Greater(c.input(0), c.scalar(0, dtype)), c.scalar(gamma, dtype), below);
    return [c.op.Mul(c.grad, slope)];
  },
  samples: [
    sample('default', { x: real([2, 3], { kinks: [0] }) }, (op, { x }) => op.Selu(x), {
      reference: (op, { x }) =>
        op.Mul(
          constant(op, SELU_GAMMA),
          op.Where(
            op.Greater(x, constant(op, 0)),
            x,
            op.Mul(constant(op, SELU_ALPHA), op.Sub(op.Exp(x), constant(op, 1))),
          ),
        ),
    }),
  ],
};
