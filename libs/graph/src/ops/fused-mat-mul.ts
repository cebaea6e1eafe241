import type { Attrs } from '../types.js';
import { matmulShape, swapLast } from './matmul.js';
import { floatAttr, intAttr, type Emitter, type OpRule } from './rule.js';
import { constant, real, sample } from './samples.js';
import type { Value } from './signatures.js';

const flag = (attrs: Attrs, name: string): boolean => intAttr(attrs, name, 0) !== 0;

/** The same product as Transpose, MatMul and Mul. */
export function fusedMatMulParts(b: Pick<Emitter, 'op' | 'scalar'>, left: Value, right: Value, attrs: Attrs): Value {
  const a = flag(attrs, 'transA') && left.shape.length > 1 ? swapLast(b, left) : left;
  const c = flag(attrs, 'transB') && right.shape.length > 1 ? swapLast(b, right) : right;
  const product = b.op.MatMul(a, c);
  const alpha = floatAttr(attrs, 'alpha', 1);
  return alpha === 1 ? product : b.op.Mul(product, b.scalar(alpha, product.dtype));
}

/**
 * α op(A) op(B), where op exchanges the last two axes when asked: no transposed copy is made.
 * @see https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.FusedMatMul
 */
export const FusedMatMul: OpRule<'FusedMatMul'> = {
  domain: 'com.microsoft',
  since: 1,
  arity: [2, 2],
  attrs: { alpha: 'float', transA: 'int', transB: 'int', transBatchA: 'int', transBatchB: 'int' },
  infer: (ctx) => {
    const [a, b] = [ctx.input(0), ctx.input(1)];
    if (a.dtype !== b.dtype) ctx.fail(`its operands have the types ${a.dtype} and ${b.dtype}`);
    if (flag(ctx.attrs, 'transBatchA') || flag(ctx.attrs, 'transBatchB'))
      ctx.fail('transBatchA and transBatchB are not supported');
    const side = (v: Value, name: string) =>
      flag(ctx.attrs, name) && v.shape.length > 1 ? [...v.shape.slice(0, -2), ...v.shape.slice(-2).reverse()] : v.shape;
    return [{ dtype: a.dtype, shape: matmulShape(side(a, 'transA'), side(b, 'transB'), (p) => ctx.fail(p)) }];
  },
  // with P = op(A) and Q = op(B): dP = α dY Qᵀ, dQ = α Pᵀ dY; each is made in the layout of A and B at once
  vjp: (c) => {
    const [a, b] = [c.input(0), c.input(1)];
    if (a.shape.length < 2 || b.shape.length < 2)
      return c.fail('the gradient is known for operands of two and more axes');
    const [tA, tB] = [flag(c.attrs, 'transA'), flag(c.attrs, 'transB')];
    const alpha = floatAttr(c.attrs, 'alpha', 1);
    const product = (x: Value, y: Value, transA: boolean, transB: boolean) =>
      c.op.FusedMatMul(x, y, { alpha, transA, transB });
    const da = () => (tA ? product(b, c.grad, tB, true) : product(c.grad, b, false, !tB));
    // a matrix that multiplies a batch: one product over all rows instead of a batch of products that would be summed afterwards
    const rows = (x: Value): Value | undefined => {
      const last = x.shape.at(-1);
      return b.shape.length === 2 && x.shape.length > 2 && !tA && typeof last === 'number'
        ? c.op.Reshape(x, [-1, last])
        : undefined;
    };
    const db = () => {
      const [flatA, flatG] = [rows(a), rows(c.grad)];
      const [x, g] = flatA && flatG ? [flatA, flatG] : [a, c.grad];
      return tB ? product(g, x, true, tA) : product(x, g, !tA, false);
    };
    return [c.needs(0) ? c.unbroadcast(da(), a) : undefined, c.needs(1) ? c.unbroadcast(db(), b) : undefined];
  },
  samples: [
    ...[
      { transA: false, transB: true, a: [2, 3], b: [4, 3] },
      { transA: true, transB: false, a: [3, 2], b: [3, 4] },
      { transA: true, transB: true, a: [3, 2], b: [4, 3] },
      { transA: false, transB: false, a: [2, 3], b: [3, 4] },
    ].map(({ transA, transB, a, b }) =>
      sample(
        `${transA ? 'transposed' : 'plain'} by ${transB ? 'transposed' : 'plain'}`,
        { a: real(a), b: real(b, { phase: 0.2 }) },
        (op, v) => op.FusedMatMul(v['a'] as Value, v['b'] as Value, { alpha: 0.5, transA, transB }),
        {
          reference: (op, v) => {
            const [left, right] = [v['a'] as Value, v['b'] as Value];
            return op.Mul(
              op.MatMul(transA ? op.Transpose(left) : left, transB ? op.Transpose(right) : right),
              constant(op, 0.5),
            );
          },
        },
      ),
    ),
    sample(
      'matrix on the right of a batch',
      { a: real([2, 3, 2]), b: real([4, 2], { phase: 0.2 }) },
      (op, { a, b }) => op.FusedMatMul(a, b, { transB: true }),
      {
        reference: (op, { a, b }) => op.MatMul(a, op.Transpose(b)),
      },
    ),
    sample(
      'batches',
      { a: real([2, 3, 2]), b: real([4, 3], { phase: 0.2 }) },
      (op, { a, b }) => op.FusedMatMul(a, b, { transA: true, transB: true }),
      {
        reference: (op, { a, b }) => op.MatMul(op.Transpose(a, [0, 2, 1]), op.Transpose(b)),
      },
    ),
  ],
};
