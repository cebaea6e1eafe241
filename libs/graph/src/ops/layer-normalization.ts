import { axisOf, floatAttr, intAttr, type OpRule } from './rule.js';
import { real, sample } from './samples.js';

/** Ba, Kiros & Hinton 2016, arXiv 1607.06450. */
export const LayerNormalization: OpRule<'LayerNormalization'> = {
  since: 17,
  arity: [2, 3],
  outputs: [1, 3],
  attrs: { axis: 'int', epsilon: 'float', stash_type: 'int' },
  infer: (ctx) => {
    const x = ctx.input(0);
    const axis = axisOf(intAttr(ctx.attrs, 'axis', -1), x.shape.length, (p) => ctx.fail(p));
    const statistics = {
      dtype: x.dtype === 'float64' ? x.dtype : 'float32',
      shape: x.shape.map((d, i) => (i < axis ? d : 1)),
    } as const;
    return [{ dtype: x.dtype, shape: x.shape }, statistics, statistics];
  },
  // with x̂ = (x - mean) r, r = 1/√(var + ε) and h = dy · scale: dx = r (h - mean(h) - x̂ mean(h x̂)), dscale = Σ dy x̂, dbias = Σ dy
  vjp: (c) => {
    const [x, scale, bias] = [c.input(0), c.input(1), c.inputs[2]];
    const rank = x.shape.length;
    const first = axisOf(intAttr(c.attrs, 'axis', -1), rank, (p) => c.fail(p));
    const over = { axes: Array.from({ length: rank - first }, (_, i) => first + i), keepdims: true };
    const epsilon = c.scalar(floatAttr(c.attrs, 'epsilon', 1e-5), x.dtype);
    const centred = c.op.Sub(x, c.op.ReduceMean(x, over));
    const variance = c.op.ReduceMean(c.op.Mul(centred, centred), over);
    const r = c.op.Reciprocal(c.op.Sqrt(c.op.Add(variance, epsilon)));
    const normal = c.op.Mul(centred, r);
    const dx = () => {
      const h = c.op.Mul(c.grad, scale);
      const inner = c.op.Sub(
        c.op.Sub(h, c.op.ReduceMean(h, over)),
        c.op.Mul(normal, c.op.ReduceMean(c.op.Mul(h, normal), over)),
      );
      return c.op.Mul(r, inner);
    };
    return [
      c.needs(0) ? dx() : undefined,
      c.needs(1) ? c.unbroadcast(c.op.Mul(c.grad, normal), scale) : undefined,
      bias && c.needs(2) ? c.unbroadcast(c.grad, bias) : undefined,
    ];
  },
  samples: [
    sample('last axis', { x: real([2, 4]), s: real([4]), t: real([4], { phase: 0.2 }) }, (op, { x, s, t }) =>
      op.LayerNormalization(x, s, t),
    ),
    sample('two axes', { x: real([2, 3, 2]), s: real([3, 2]) }, (op, { x, s }) =>
      op.LayerNormalization(x, s, undefined, { axis: 1, epsilon: 0.01 }),
    ),
  ],
};
