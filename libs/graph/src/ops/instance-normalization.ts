import {
  affineGradients,
  centredGradient,
  channelNormInfer,
  perChannel,
  spatialAxes,
  statistics,
} from './channel-norm.js';
import { floatAttr, type OpRule } from './rule.js';
import { constant, real, sample } from './samples.js';
import type { OpFunctions, Value } from './signatures.js';

function byParts(op: OpFunctions, x: Value, s: Value, t: Value, epsilon: number): Value {
  const scalar = (v: number) => constant(op, v);
  const over = { axes: spatialAxes(x), keepdims: true } as const;
  const { mean, r } = statistics({ op, scalar }, x, over, epsilon);
  return op.Add(op.Mul(op.Mul(op.Sub(x, mean), r), perChannel({ op }, s, x)), perChannel({ op }, t, x));
}

/** Ulyanov et al. 2016, arXiv 1607.08022: each channel of each image by its own mean and variance. */
export const InstanceNormalization: OpRule<'InstanceNormalization'> = {
  since: 6,
  arity: [3, 3],
  attrs: { epsilon: 'float' },
  infer: (ctx) => [channelNormInfer(ctx)],
  vjp: (c) => {
    const x = c.input(0);
    const over = { axes: spatialAxes(x), keepdims: true } as const;
    const { mean, r } = statistics(c, x, over, floatAttr(c.attrs, 'epsilon', 1e-5));
    const normalized = c.op.Mul(c.op.Sub(x, mean), r);
    const dx = () => centredGradient(c, c.op.Mul(c.grad, perChannel(c, c.input(1), x)), normalized, r, over);
    return [c.needs(0) ? dx() : undefined, ...affineGradients(c, normalized)];
  },
  samples: [
    sample(
      'two axes',
      { x: real([2, 3, 2, 4]), s: real([3]), t: real([3], { phase: 0.2 }) },
      (op, { x, s, t }) => op.InstanceNormalization(x, s, t, { epsilon: 0.01 }),
      { reference: (op, { x, s, t }) => byParts(op, x, s, t, 0.01) },
    ),
    sample(
      'one axis',
      { x: real([2, 2, 5]), s: real([2]), t: real([2], { phase: 0.2 }) },
      (op, { x, s, t }) => op.InstanceNormalization(x, s, t),
      { reference: (op, { x, s, t }) => byParts(op, x, s, t, 1e-5) },
    ),
  ],
};
