import { floatUnary } from './elementwise.js';
import { axisOf, floatAttr, intAttr, type OpRule } from './rule.js';
import { constant, real, sample } from './samples.js';

/** Zhang & Sennrich 2019, arXiv 1910.07467: x / √(mean(x²) + ε) · scale over the axes from `axis` on. */
export const RMSNormalization: OpRule<'RMSNormalization'> = {
  since: 23,
  arity: [2, 2],
  attrs: { axis: 'int', epsilon: 'float', stash_type: 'int' },
  infer: (ctx) => {
    axisOf(intAttr(ctx.attrs, 'axis', -1), ctx.input(0).shape.length, (p) => ctx.fail(p));
    return floatUnary(ctx);
  },
  // with x̂ = x r, r = 1/√(mean(x²) + ε) and h = dy · scale: dx = r (h - x̂ mean(h x̂)), dscale = Σ dy x̂
  vjp: (c) => {
    const { op } = c;
    const [x, scale] = [c.input(0), c.input(1)];
    const rank = x.shape.length;
    const first = axisOf(intAttr(c.attrs, 'axis', -1), rank, (p) => c.fail(p));
    const over = { axes: Array.from({ length: rank - first }, (_, i) => first + i), keepdims: true };
    const square = op.ReduceMean(op.Mul(x, x), over);
    const r = op.Reciprocal(op.Sqrt(op.Add(square, c.scalar(floatAttr(c.attrs, 'epsilon', 1e-5), x.dtype))));
    const normal = op.Mul(x, r);
    const dx = () => {
      const h = op.Mul(c.grad, scale);
      return op.Mul(r, op.Sub(h, op.Mul(normal, op.ReduceMean(op.Mul(h, normal), over))));
    };
    return [c.needs(0) ? dx() : undefined, c.needs(1) ? c.unbroadcast(op.Mul(c.grad, normal), scale) : undefined];
  },
  samples: [
    sample(
      'last axis',
      { x: real([2, 4]), s: real([4], { phase: 0.4 }) },
      (op, { x, s }) => op.RMSNormalization(x, s, { epsilon: 0.01 }),
      {
        reference: (op, { x, s }) => {
          const square = op.ReduceMean(op.Mul(x, x), { axes: [-1], keepdims: true });
          return op.Mul(op.Div(x, op.Sqrt(op.Add(square, constant(op, 0.01)))), s);
        },
      },
    ),
  ],
};
