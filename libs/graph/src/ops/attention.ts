import type { Dim } from '../types.js';
import { floatAttr, intAttr, type InferContext, type Inferred, type OpRule, type VjpContext } from './rule.js';
import { constant, real, sample } from './samples.js';
import type { OpFunctions, Value } from './signatures.js';

interface Sizes {
  readonly heads: number;
  readonly kvHeads: number;
  /** Numbers of a head of queries and keys, and of values. */
  readonly size: number;
  readonly valueSize: number;
}

const last = (x: Value, axis = -1): number => Number(x.shape.at(axis));

/** @throws through `fail` when heads and widths do not fit together */
function sizesOf(c: Pick<VjpContext, 'attrs' | 'input' | 'fail'>): Sizes {
  const [q, k, v] = [c.input(0), c.input(1), c.input(2)];
  const rank = q.shape.length;
  if ((rank !== 3 && rank !== 4) || k.shape.length !== rank || v.shape.length !== rank)
    return c.fail('queries, keys and values must all be [N, heads, L, size] or all [N, L, heads · size]');
  if (rank === 4) return { heads: last(q, 1), kvHeads: last(k, 1), size: last(q), valueSize: last(v) };
  const heads = intAttr(c.attrs, 'q_num_heads', 0);
  const kvHeads = intAttr(c.attrs, 'kv_num_heads', 0);
  if (heads < 1 || kvHeads < 1) return c.fail('[N, L, heads · size] needs q_num_heads and kv_num_heads');
  return { heads, kvHeads, size: last(q) / heads, valueSize: last(v) / kvHeads };
}

function infer(ctx: InferContext): readonly Inferred[] {
  const [q, k, v] = [ctx.input(0), ctx.input(1), ctx.input(2)];
  const { heads, kvHeads, size, valueSize } = sizesOf(ctx);
  const flat = q.shape.length === 3;
  const [n = 1, tq = 1] = flat ? q.shape : [q.shape[0], q.shape[2]];
  const tk: Dim = ctx.inputs[4] ? '?' : ((flat ? k.shape[1] : k.shape[2]) ?? 1);
  const width = (parts: number): Dim => (Number.isFinite(parts) ? parts : '?');
  const present = (of: number): Inferred => ({ dtype: k.dtype, shape: [n, width(kvHeads), tk, width(of)] });
  return [
    {
      dtype: q.dtype,
      shape: flat ? [n, tq, width(heads * valueSize)] : [n, q.shape[1] ?? 1, tq, v.shape[3] ?? 1],
    },
    present(size),
    present(valueSize),
    { dtype: q.dtype, shape: [n, width(heads), tq, tk] },
  ];
}

/** [N, L, heads · size] or [N, heads, L, size] → [N, kvHeads, heads / kvHeads, L, size]. */
function grouped(op: OpFunctions, x: Value, heads: number, kvHeads: number, size: number): Value {
  if (x.shape.length === 4) return op.Reshape(x, [0, kvHeads, heads / kvHeads, -1, size]);
  return op.Transpose(op.Reshape(x, [0, 0, kvHeads, heads / kvHeads, size]), [0, 2, 3, 1, 4]);
}

function ungrouped(op: OpFunctions, x: Value, like: Value): Value {
  const [heads, size] = [last(x, 1) * last(x, 2), last(x)];
  if (like.shape.length === 4) return op.Reshape(x, [0, heads, -1, size]);
  return op.Reshape(op.Transpose(x, [0, 3, 1, 2, 4]), [0, 0, heads * size]);
}

/** [N, kvHeads, group, Tq, Tk] → [N, heads, Tq, Tk]. */
const joinHeads = (c: VjpContext, x: Value, heads: number): Value =>
  c.op.Reshape(x, c.op.Concat([c.ints([0, heads]), c.op.Shape(x, { start: 3 })], 0));

function gradient(c: VjpContext): readonly (Value | undefined)[] {
  const { op } = c;
  const [q, k, v, mask] = [c.input(0), c.input(1), c.input(2), c.inputs[3]];
  if (c.inputs[4] || c.inputs[5]) return c.fail('its gradient is not known with cached keys and values');
  if (floatAttr(c.attrs, 'softcap', 0) !== 0) return c.fail('its gradient is not known with softcap');
  const { heads, kvHeads, size, valueSize } = sizesOf(c);
  if (![heads, kvHeads, size, valueSize].every(Number.isInteger))
    return c.fail('its gradient needs the numbers of heads and their sizes');
  const scale = c.scalar(floatAttr(c.attrs, 'scale', 1 / Math.sqrt(size)), q.dtype);
  const swap = (x: Value) => op.Transpose(x, [0, 1, 2, 4, 3]);
  const [Q, K, V] = [
    grouped(op, q, heads, kvHeads, size),
    grouped(op, k, kvHeads, kvHeads, size),
    grouped(op, v, kvHeads, kvHeads, valueSize),
  ];
  const dY = grouped(op, c.grad, heads, kvHeads, valueSize);
  let scores = op.Mul(op.MatMul(Q, swap(K)), scale);
  const none = c.scalar(-1e9, q.dtype);
  const zero = c.scalar(0, q.dtype);
  if (mask) {
    const bias = mask.dtype === 'bool' ? op.Where(mask, zero, none) : mask;
    const rank = bias.shape.length;
    // heads of a mask are split into groups, too
    const four =
      rank === 4
        ? bias
        : op.Unsqueeze(
            bias,
            Array.from({ length: 4 - rank }, (_, i) => i),
          );
    const one = four.shape[1] === 1;
    scores = op.Add(
      scores,
      one
        ? op.Unsqueeze(four, [1])
        : op.Reshape(four, op.Concat([c.ints([0, kvHeads, heads / kvHeads]), op.Shape(four, { start: 2 })], 0)),
    );
  }
  if (intAttr(c.attrs, 'is_causal', 0) === 1) {
    const count = (x: Value, axis: number) => {
      const n = op.Squeeze(op.Shape(x, { start: axis, end: axis + 1 }), [0]);
      return op.Range(c.scalar(0, 'int64'), n, c.scalar(1, 'int64'));
    };
    const later = op.Greater(op.Unsqueeze(count(K, 3), [0]), op.Unsqueeze(count(Q, 3), [1]));
    scores = op.Add(scores, op.Where(later, none, zero));
  }
  // Y = P V with P = softmax(S), S = scale Q Kᵀ + bias: dV = Pᵀ dY, dP = dY Vᵀ, dS = P (dP - Σ dP P), dQ = scale dS K, dK = scale dSᵀ Q
  const P = op.Softmax(scores, { axis: -1 });
  const weighted = op.Mul(op.MatMul(dY, swap(V)), P);
  const dS = op.Sub(weighted, op.Mul(P, op.ReduceSum(weighted, { axes: [-1], keepdims: true })));
  const scaled = op.Mul(dS, scale);
  // the heads of a group share keys and values
  const shared = (x: Value) => (heads === kvHeads ? x : op.ReduceSum(x, { axes: [2], keepdims: true }));
  return [
    c.needs(0) ? c.reshapeLike(ungrouped(op, op.MatMul(scaled, K), q), q) : undefined,
    c.needs(1) ? c.reshapeLike(ungrouped(op, shared(op.MatMul(swap(scaled), Q)), k), k) : undefined,
    c.needs(2) ? c.reshapeLike(ungrouped(op, shared(op.MatMul(swap(P), dY)), v), v) : undefined,
    mask && c.needs(3) ? c.unbroadcast(joinHeads(c, dS, heads), mask) : undefined,
  ];
}

/** The same by parts, for heads that are split already: the samples' reference. */
function byParts(op: OpFunctions, q: Value, k: Value, v: Value, bias?: Value): Value {
  const product = op.Mul(op.MatMul(q, op.Transpose(k, [0, 1, 3, 2])), constant(op, 1 / Math.sqrt(last(q))));
  return op.MatMul(op.Softmax(bias ? op.Add(product, bias) : product), v);
}

const split = (op: OpFunctions, x: Value, heads: number): Value =>
  op.Transpose(op.Reshape(x, [0, 0, heads, -1]), [0, 2, 1, 3]);

/** Vaswani et al. 2017, arXiv 1706.03762. Gradients flow through queries, keys, values and a mask that is added to the first output. */
export const Attention: OpRule<'Attention'> = {
  since: 23,
  arity: [3, 6],
  outputs: [1, 4],
  attrs: {
    is_causal: 'int',
    kv_num_heads: 'int',
    q_num_heads: 'int',
    qk_matmul_output_mode: 'int',
    scale: 'float',
    softcap: 'float',
    softmax_precision: 'int',
  },
  differentiable: [0, 1, 2, 3],
  infer,
  vjp: gradient,
  samples: [
    sample(
      'heads apart',
      { q: real([1, 2, 2, 3]), k: real([1, 2, 4, 3], { phase: 0.2 }), v: real([1, 2, 4, 2], { phase: 0.6 }) },
      (op, { q, k, v }) => op.Attention(q, k, v),
      { static: true, reference: (op, { q, k, v }) => byParts(op, q, k, v) },
    ),
    sample(
      'mask',
      { q: real([1, 2, 2, 3]), k: real([1, 2, 3, 3], { phase: 0.2 }), v: real([1, 2, 3, 2]), m: real([2, 3]) },
      (op, { q, k, v, m }) => op.Attention(q, k, v, m),
      { static: true, reference: (op, { q, k, v, m }) => byParts(op, q, k, v, m) },
    ),
    sample(
      'heads together, causal, grouped',
      { q: real([1, 3, 8]), k: real([1, 3, 4], { phase: 0.2 }), v: real([1, 3, 4], { phase: 0.6 }) },
      (op, { q, k, v }) => op.Attention(q, k, v, undefined, { is_causal: true, q_num_heads: 4, kv_num_heads: 2 }),
      {
        static: true,
        reference: (op, { q, k, v }) => {
          const twice = (x: Value) =>
            op.Reshape(op.Expand(op.Unsqueeze(split(op, x, 2), [2]), [1, 2, 2, 3, 2]), [1, 4, 3, 2]);
          const bias = op.Constant({
            dtype: 'float64',
            dims: [3, 3],
            data: Float64Array.of(0, -1e9, -1e9, 0, 0, -1e9, 0, 0, 0),
          });
          const y = byParts(op, split(op, q, 4), twice(k), twice(v), bias);
          return op.Reshape(op.Transpose(y, [0, 2, 1, 3]), [1, 3, 8]);
        },
      },
    ),
  ],
};
