import {
  affineGradients,
  besideChannels,
  centredGradient,
  channelNormInfer,
  perChannel,
  statistics,
} from './channel-norm.js';
import { floatAttr, intAttr, type OpRule, type Trained, type TrainedContext, type VjpContext } from './rule.js';
import { constant, real, sample } from './samples.js';
import type { OpFunctions, Value } from './signatures.js';

const isTraining = (c: Pick<VjpContext, 'attrs'>): boolean => intAttr(c.attrs, 'training_mode', 0) === 1;
const epsilonOf = (c: Pick<VjpContext, 'attrs'>): number => floatAttr(c.attrs, 'epsilon', 1e-5);

/** With given statistics the operator is affine in x; they have adjoints too. */
function evaluation(c: VjpContext): readonly (Value | undefined)[] {
  const { op } = c;
  const [x, scale, mean, variance] = [c.input(0), c.input(1), c.input(3), c.input(4)];
  const r = op.Reciprocal(op.Sqrt(op.Add(variance, c.scalar(epsilonOf(c), x.dtype))));
  const factor = op.Mul(scale, r);
  const sumOf = (v: Value) => op.ReduceSum(v, { axes: besideChannels(x) });
  const wantsProduct = c.needs(1) || c.needs(4);
  const sum = c.needs(2) || c.needs(3) ? sumOf(c.grad) : undefined;
  // Σ dy (x - mean) r
  const product = wantsProduct
    ? sumOf(op.Mul(c.grad, op.Mul(op.Sub(x, perChannel(c, mean, x)), perChannel(c, r, x))))
    : undefined;
  return [
    c.needs(0) ? op.Mul(c.grad, perChannel(c, factor, x)) : undefined,
    c.needs(1) ? product : undefined,
    c.needs(2) ? sum : undefined,
    c.needs(3) && sum ? op.Neg(op.Mul(factor, sum)) : undefined,
    c.needs(4) && product ? op.Mul(op.Mul(product, op.Mul(factor, r)), c.scalar(-0.5, x.dtype)) : undefined,
  ];
}

/** Statistics of the batch, made once for both directions; the running ones as ONNX has them, of the variance with 1/n. */
function train(c: TrainedContext): Trained {
  const { op } = c;
  const [x, scale, bias] = [c.input(0), c.input(1), c.input(2)];
  const over = { axes: besideChannels(x), keepdims: true } as const;
  const { mean, variance, r } = statistics(c, x, over, epsilonOf(c));
  const flat = (v: Value) => op.Reshape(v, [-1]);
  const y = op.BatchNormalization(x, scale, bias, flat(mean), flat(variance), { epsilon: epsilonOf(c) })[0];
  const momentum = floatAttr(c.attrs, 'momentum', 0.9);
  const moved = (i: number, now: Value): Value | undefined =>
    c.wanted(i - 2)
      ? op.Add(op.Mul(c.input(i), c.scalar(momentum, x.dtype)), op.Mul(flat(now), c.scalar(1 - momentum, x.dtype)))
      : undefined;
  return {
    outputs: [y, moved(3, mean), moved(4, variance)],
    vjp: (v) => {
      if (v.grads[1] ?? v.grads[2]) return v.fail('its running statistics have no gradient in training mode');
      const normalized = v.op.Mul(v.op.Sub(x, mean), r);
      const dx = () => centredGradient(v, v.op.Mul(v.grad, perChannel(v, scale, x)), normalized, r, over);
      return [v.needs(0) ? dx() : undefined, ...affineGradients(v, normalized)];
    },
  };
}

function byParts(op: OpFunctions, x: Value, s: Value, t: Value, epsilon: number): Value {
  const over = { axes: besideChannels(x), keepdims: true } as const;
  const { mean, r } = statistics({ op, scalar: (v) => constant(op, v) }, x, over, epsilon);
  return op.Add(op.Mul(op.Mul(op.Sub(x, mean), r), perChannel({ op }, s, x)), perChannel({ op }, t, x));
}

/** Ioffe & Szegedy 2015, arXiv 1502.03167. Y, and in training mode what the running mean and variance become. */
export const BatchNormalization: OpRule<'BatchNormalization'> = {
  since: 9,
  arity: [5, 5],
  outputs: [1, 3],
  attrs: { epsilon: 'float', momentum: 'float', training_mode: 'int' },
  infer: (ctx) => {
    const y = channelNormInfer(ctx);
    const [mean, variance] = [ctx.input(3), ctx.input(4)];
    return [y, { dtype: mean.dtype, shape: mean.shape }, { dtype: variance.dtype, shape: variance.shape }];
  },
  emit: (b, x, scale, bias, mean, variance, options = {}) => {
    const { epsilon, momentum, training = false } = options;
    return b.node(
      'BatchNormalization',
      [x, scale, bias, mean, variance],
      {
        ...(epsilon === undefined ? {} : { epsilon: { type: 'float', value: epsilon } }),
        ...(momentum === undefined ? {} : { momentum: { type: 'float', value: momentum } }),
        ...(training ? { training_mode: { type: 'int', value: 1 } } : {}),
      },
      { outputs: training ? 3 : 1 },
    ) as [Value, ...Value[]];
  },
  trained: (c) => {
    if (isTraining(c)) return train(c);
    const outputs = c.node('BatchNormalization', c.inputs, c.attrs);
    return { outputs, vjp: evaluation };
  },
  vjp: evaluation,
  samples: [
    sample(
      'evaluation',
      {
        x: real([2, 3, 2, 2]),
        s: real([3]),
        t: real([3], { phase: 0.2 }),
        m: real([3], { phase: 0.6 }),
        v: real([3], { min: 0.5, max: 2 }),
      },
      (op, { x, s, t, m, v }) => op.BatchNormalization(x, s, t, m, v, { epsilon: 0.01 })[0],
    ),
    sample(
      'training',
      {
        x: real([3, 2, 2, 3]),
        s: real([2]),
        t: real([2], { phase: 0.2 }),
        m: real([2], { phase: 0.6 }),
        v: real([2], { min: 0.5, max: 2 }),
      },
      (op, { x, s, t, m, v }) => op.BatchNormalization(x, s, t, m, v, { epsilon: 0.01, training: true })[0],
      { reference: (op, { x, s, t }) => byParts(op, x, s, t, 0.01) },
    ),
  ],
};
