import { axisOf, floatAttr, intAttr, type OpRule, type VjpContext } from './rule.js';
import { real, sample } from './samples.js';
import type { Value } from './signatures.js';

function gradient(c: VjpContext, known: { mean: Value; r: Value } | undefined): readonly (Value | undefined)[] {
  const { op } = c;
  const [x, scale, bias] = [c.input(0), c.input(1), c.inputs[2]];
  const rank = x.shape.length;
  const first = axisOf(intAttr(c.attrs, 'axis', -1), rank, (p) => c.fail(p));
  const over = { axes: Array.from({ length: rank - first }, (_, i) => first + i), keepdims: true };
  const centred = op.Sub(x, known?.mean ?? op.ReduceMean(x, over));
  const root = (): Value => {
    const variance = op.ReduceMean(op.Mul(centred, centred), over);
    return op.Reciprocal(op.Sqrt(op.Add(variance, c.scalar(floatAttr(c.attrs, 'epsilon', 1e-5), x.dtype))));
  };
  const r = known?.r ?? root();
  const product = op.Mul(c.grad, centred);
  // means and sums over one axis are products with a vector: they read x once, where an element-wise product would also write its size
  const [width] = scale.shape;
  const flat = first === rank - 1 && scale.shape.length === 1 && typeof width === 'number' ? width : undefined;
  const meanProduct = (): Value =>
    flat === undefined
      ? op.ReduceMean(op.Mul(product, scale), over)
      : op.Mul(op.MatMul(product, op.Reshape(scale, [flat, 1])), c.scalar(1 / flat, x.dtype));
  const dx = (): Value => {
    const h = op.Mul(c.grad, scale);
    const along = op.Mul(op.Mul(op.Mul(r, r), r), meanProduct());
    return op.Sub(op.Sub(op.Mul(h, r), op.Mul(centred, along)), op.Mul(r, op.ReduceMean(h, over)));
  };
  const dscale = (): Value =>
    flat === undefined
      ? c.unbroadcast(op.Mul(product, r), scale)
      : op.Reshape(op.MatMul(op.Reshape(r, [1, -1]), op.Reshape(product, [-1, flat])), [flat]);
  return [
    c.needs(0) ? dx() : undefined,
    c.needs(1) ? dscale() : undefined,
    bias && c.needs(2) ? c.unbroadcast(c.grad, bias) : undefined,
  ];
}

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
  vjp: (c) => gradient(c, undefined),
  // the operator gives mean and r along with its result; they are float32 whatever x is
  trained: (c) => {
    const single = c.input(0).dtype === 'float32';
    const outputs = c.node('LayerNormalization', c.inputs, c.attrs, { outputs: single ? 3 : 1 });
    const [, mean, r] = outputs;
    return {
      outputs: outputs.map((y, i) => (i === 0 || c.wanted(i) ? y : undefined)),
      vjp: (v) => gradient(v, mean && r ? { mean, r } : undefined),
    };
  },
  samples: [
    sample('last axis', { x: real([2, 4]), s: real([4]), t: real([4], { phase: 0.2 }) }, (op, { x, s, t }) =>
      op.LayerNormalization(x, s, t),
    ),
    sample(
      'float32',
      { x: real([2, 3, 4]), s: real([4]), t: real([4], { phase: 0.2 }) },
      (op, { x, s, t }) => op.LayerNormalization(x, s, t),
      { reference: (op, { x, s, t }) => op.LayerNormalization(x, s, t) },
    ),
    sample('two axes', { x: real([2, 3, 2]), s: real([3, 2]) }, (op, { x, s }) =>
      op.LayerNormalization(x, s, undefined, { axis: 1, epsilon: 0.01 }),
    ),
  ],
};
