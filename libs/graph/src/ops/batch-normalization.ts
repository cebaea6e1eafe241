import { besideChannels, channelNormInfer, perChannel, statistics } from './channel-norm.js';
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

/** a x + b for each channel, in one pass over memory: the operator itself with a mean of 0 and a variance of 1. */
function affine(c: Pick<VjpContext, 'op' | 'scalar'>, x: Value, factor: Value, shift: Value): Value {
  const { op } = c;
  const zero = op.Mul(shift, c.scalar(0, x.dtype));
  const one = op.Add(zero, c.scalar(1, x.dtype));
  return op.BatchNormalization(x, factor, shift, zero, one, { epsilon: 0 })[0];
}

/** Elements that a channel has in the batch. */
function perChannelCount(c: Pick<VjpContext, 'op' | 'scalar'>, x: Value): Value {
  const sizes = [x.shape[0] ?? 1, ...x.shape.slice(2)];
  if (sizes.every((d) => typeof d === 'number'))
    return c.scalar(
      sizes.reduce<number>((n, d) => n * Number(d), 1),
      x.dtype,
    );
  return c.op.Cast(c.op.Div(c.op.Size(x), c.op.Shape(x, { start: 1, end: 2 })), x.dtype);
}

/**
 * Statistics of the batch, made once for both directions; the running ones as ONNX has them, of the variance with 1/n. With z = x - mean, S = Σ dy, T = Σ dy z and a = scale r:
 * dx = a (dy - S/n) - (a r² T/n) z, dscale = r T, dbias = S.
 */
function train(c: TrainedContext): Trained {
  const { op } = c;
  const [x, scale, bias] = [c.input(0), c.input(1), c.input(2)];
  const axes = besideChannels(x);
  const mean = op.ReduceMean(x, { axes, keepdims: true });
  const z = op.Sub(x, mean);
  // as a product and a sum: ONNX Runtime's ReduceSumSquare over outer axes takes twice as long
  const variance = op.ReduceMean(op.Mul(z, z), { axes });
  const r = op.Reciprocal(op.Sqrt(op.Add(variance, c.scalar(epsilonOf(c), x.dtype))));
  const flatMean = op.Reshape(mean, [-1]);
  const y = op.BatchNormalization(x, scale, bias, flatMean, variance, { epsilon: epsilonOf(c) })[0];
  const momentum = floatAttr(c.attrs, 'momentum', 0.9);
  const moved = (i: number, now: Value): Value | undefined =>
    c.wanted(i - 2)
      ? op.Add(op.Mul(c.input(i), c.scalar(momentum, x.dtype)), op.Mul(now, c.scalar(1 - momentum, x.dtype)))
      : undefined;
  return {
    outputs: [y, moved(3, flatMean), moved(4, variance)],
    vjp: (v) => {
      if (v.grads[1] ?? v.grads[2]) return v.fail('its running statistics have no gradient in training mode');
      const sum = v.op.ReduceSum(v.grad, { axes });
      const along = v.op.ReduceSum(v.op.Mul(v.grad, z), { axes });
      const dx = () => {
        const count = perChannelCount(v, x);
        const a = v.op.Mul(scale, r);
        const shift = v.op.Neg(v.op.Div(v.op.Mul(a, sum), count));
        const k = v.op.Div(v.op.Mul(v.op.Mul(a, v.op.Mul(r, r)), along), count);
        return v.op.Sub(affine(v, v.grad, a, shift), v.op.Mul(z, perChannel(v, k, x)));
      };
      return [v.needs(0) ? dx() : undefined, v.needs(1) ? v.op.Mul(r, along) : undefined, v.needs(2) ? sum : undefined];
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
