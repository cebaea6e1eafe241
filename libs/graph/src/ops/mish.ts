import { floatUnary } from './elementwise.js';
import { type OpRule } from './rule.js';
import { constant, real, sample } from './samples.js';

export const Mish: OpRule<'Mish'> = {
  since: 18,
  arity: [1, 1],
  infer: floatUnary,
  // y = x tanh(softplus x), y' = t + x σ(x) (1 - t²) with t = tanh(softplus x)
  vjp: (c) => {
    const x = c.input(0);
    const t = c.op.Tanh(c.op.Softplus(x));
    const inner = c.op.Mul(c.op.Mul(x, c.op.Sigmoid(x)), c.op.Sub(c.scalar(1, c.grad.dtype), c.op.Mul(t, t)));
    return [c.op.Mul(c.grad, c.op.Add(t, inner))];
  },
  samples: [
    sample('plain', { x: real([2, 3]) }, (op, { x }) => op.Mish(x), {
      reference: (op, { x }) => op.Mul(x, op.Tanh(op.Log(op.Add(op.Exp(x), constant(op, 1))))),
    }),
  ],
};
