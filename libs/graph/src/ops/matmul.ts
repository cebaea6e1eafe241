import { broadcast, showShape } from '../dims.js';
import type { Dim } from '../types.js';
import type { OpRule, VjpContext } from './rule.js';
import { real, sample } from './samples.js';
import type { Value } from './signatures.js';

/** Shape of NumPy's matmul; a vector counts as a row on the left and a column on the right, and that axis is dropped. */
export function matmulShape(a: readonly Dim[], b: readonly Dim[], fail: (problem: string) => never): readonly Dim[] {
  if (a.length === 0 || b.length === 0) return fail('its operands must not be scalars');
  const left = a.length === 1 ? [1, ...a] : a;
  const right = b.length === 1 ? [...b, 1] : b;
  const [m, k] = left.slice(-2);
  const [k2, n] = right.slice(-2);
  // sizes that are known and differ cannot be multiplied; a symbol beside something else shows when the graph runs
  if (typeof k === 'number' && typeof k2 === 'number' && k !== k2)
    return fail(`its operands ${showShape(a)} and ${showShape(b)} do not fit: ${k} columns, ${k2} rows`);
  const batch = broadcast(left.slice(0, -2), right.slice(0, -2));
  if (!batch) return fail(`the batch axes of its operands ${showShape(a)} and ${showShape(b)} cannot be broadcast`);
  return [...batch, ...(a.length === 1 ? [] : [m ?? 1]), ...(b.length === 1 ? [] : [n ?? 1])];
}

/** Exchanges the last two axes. */
export function swapLast(c: Pick<VjpContext, 'op'>, x: Value): Value {
  const perm = x.shape.map((_, i) => i);
  const n = perm.length;
  [perm[n - 2], perm[n - 1]] = [n - 1, n - 2];
  return c.op.Transpose(x, perm);
}

export const MatMul: OpRule<'MatMul'> = {
  since: 1,
  arity: [2, 2],
  infer: (ctx) => {
    const [a, b] = [ctx.input(0), ctx.input(1)];
    if (a.dtype !== b.dtype) ctx.fail(`its operands have the types ${a.dtype} and ${b.dtype}`);
    return [{ dtype: a.dtype, shape: matmulShape(a.shape, b.shape, (p) => ctx.fail(p)) }];
  },
  // dA = dY Bᵀ, dB = Aᵀ dY
  vjp: (c) => {
    const [a, b] = [c.input(0), c.input(1)];
    const left = a.shape.length === 1 ? c.op.Unsqueeze(a, [0]) : a;
    const right = b.shape.length === 1 ? c.op.Unsqueeze(b, [1]) : b;
    let g = b.shape.length === 1 ? c.op.Unsqueeze(c.grad, [-1]) : c.grad;
    if (a.shape.length === 1) g = c.op.Unsqueeze(g, [-2]);
    const da = () => {
      const full = c.unbroadcast(c.op.MatMul(g, swapLast(c, right)), left);
      return a.shape.length === 1 ? c.op.Squeeze(full, [0]) : full;
    };
    const db = () => {
      if (right.shape.length === 2 && left.shape.length > 2) {
        // one product over all rows instead of a batch of products that would be summed afterwards
        const rows = (x: Value) => c.op.Reshape(x, [-1, ...lastOf(x)]);
        if (lastOf(left).length && lastOf(g).length)
          return shaped(c.op.MatMul(c.op.Transpose(rows(left), [1, 0]), rows(g)));
      }
      return shaped(c.unbroadcast(c.op.MatMul(swapLast(c, left), g), right));
    };
    const shaped = (x: Value) => (b.shape.length === 1 ? c.op.Squeeze(x, [1]) : x);
    return [c.needs(0) ? da() : undefined, c.needs(1) ? db() : undefined];
  },
  samples: [
    sample('matrices', { a: real([2, 3]), b: real([3, 4], { phase: 0.2 }) }, (op, { a, b }) => op.MatMul(a, b)),
    sample('batch by matrix', { a: real([2, 5, 3]), b: real([3, 4]) }, (op, { a, b }) => op.MatMul(a, b)),
    sample('broadcast batches', { a: real([2, 1, 5, 3]), b: real([4, 3, 2]) }, (op, { a, b }) => op.MatMul(a, b)),
    sample('vector on the left', { a: real([3]), b: real([2, 3, 4]) }, (op, { a, b }) => op.MatMul(a, b)),
    sample('vector on the right', { a: real([2, 5, 3]), b: real([3]) }, (op, { a, b }) => op.MatMul(a, b)),
    sample('vectors', { a: real([3]), b: real([3], { phase: 0.2 }) }, (op, { a, b }) => op.MatMul(a, b)),
  ],
};

/** The last size when it is a number. */
const lastOf = (x: Value): number[] => x.shape.slice(-1).filter((d) => typeof d === 'number');
