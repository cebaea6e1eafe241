import type { Value } from './signatures.js';
import type { Emitter, InferContext, VjpContext } from './rule.js';

/*
 * Normalisations of images [N, C, …] with a scale and a bias for each channel. With x̂ = (x - mean) r, r = 1/√(var + ε) over a set of elements and h = dy · scale:
 * dx = r (h - mean(h) - x̂ mean(h x̂)), dscale = Σ dy x̂, dbias = Σ dy.
 */

/** Axes of an image but the channels'. */
export const besideChannels = (x: Value): number[] => x.shape.map((_, i) => i).filter((i) => i !== 1);
export const spatialAxes = (x: Value): number[] => x.shape.map((_, i) => i).slice(2);

/** [C] → [C, 1, …], which is broadcast along the channels of `x`. */
export const perChannel = (b: Pick<Emitter, 'op'>, v: Value, x: Value): Value =>
  b.op.Reshape(v, [-1, ...spatialAxes(x).map(() => 1)]);

/** Checks scale and bias, and gives the type of the result: that of the image. */
export function channelNormInfer(ctx: InferContext): { dtype: Value['dtype']; shape: Value['shape'] } {
  const x = ctx.input(0);
  if (x.shape.length < 2) ctx.fail(`it takes an image [N, C, …], not rank ${x.shape.length}`);
  const channels = x.shape[1];
  for (const i of ctx.inputs.keys()) {
    if (i === 0) continue;
    const given = ctx.input(i).shape;
    const [size] = given;
    if (given.length !== 1 || (typeof size === 'number' && typeof channels === 'number' && size !== channels))
      ctx.fail(`its input ${i} must have one number for each of the ${channels} channels, not [${given.join(', ')}]`);
  }
  return { dtype: x.dtype, shape: x.shape };
}

interface Axes {
  readonly axes: readonly number[];
  readonly keepdims: true;
}

/** Mean and 1/√(var + ε) of `x` over axes, with size 1 there. */
export function statistics(
  b: Pick<Emitter, 'op' | 'scalar'>,
  x: Value,
  over: Axes,
  epsilon: number,
): { mean: Value; variance: Value; r: Value } {
  const { op } = b;
  const mean = op.ReduceMean(x, over);
  const centred = op.Sub(x, mean);
  const variance = op.ReduceMean(op.Mul(centred, centred), over);
  const r = op.Reciprocal(op.Sqrt(op.Add(variance, b.scalar(epsilon, x.dtype))));
  return { mean, variance, r };
}

/** r (h - mean(h) - x̂ mean(h x̂)). */
export function centredGradient(b: Pick<Emitter, 'op'>, h: Value, normalized: Value, r: Value, over: Axes): Value {
  const { op } = b;
  const along = op.Mul(normalized, op.ReduceMean(op.Mul(h, normalized), over));
  return op.Mul(r, op.Sub(op.Sub(h, op.ReduceMean(h, over)), along));
}

/** Adjoints of scale and bias, [C] each, from dy and x̂ in the shape of the image. */
export function affineGradients(c: VjpContext, normalized: Value): readonly [Value | undefined, Value | undefined] {
  const over = { axes: besideChannels(c.input(0)) };
  return [
    c.needs(1) ? c.op.ReduceSum(c.op.Mul(c.grad, normalized), over) : undefined,
    c.needs(2) ? c.op.ReduceSum(c.grad, over) : undefined,
  ];
}
