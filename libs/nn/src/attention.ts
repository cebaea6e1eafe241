import { tensor, type GraphBuilder, type Initializer, type Value } from '@strata/graph';
import { StrataError } from '@strata/kernel';
import { dense, dropout, lastSize, type DenseOptions } from './layers.js';
import { alibiSlopes, positionIds, rotate, type Rotary } from './positions.js';

/** A fully connected layer: `dense`, or what wraps it, such as a low-rank adapter. */
export type Linear = (b: GraphBuilder, x: Value, options: DenseOptions) => Value;

/** What a masked score gets: far below every score, and finite, so that a row of padding alone gives no NaN. */
const MASKED = -1e9;

export interface ScoreBiasOptions {
  readonly causal?: boolean;
  /** int64 or bool-like [N, S]: 1 for tokens, 0 for padding. */
  readonly padding?: Value | undefined;
  /** Distance penalties for this many heads. */
  readonly alibi?: number | undefined;
}

/**
 * What is added to the scores [N, heads, T, T] of self-attention over the tokens of `like` along `axis`, or undefined when nothing is: made once, used by all layers. A constant where
 * the number of tokens is known.
 */
export function scoreBias(b: GraphBuilder, like: Value, axis: number, options: ScoreBiasOptions): Value | undefined {
  const { op } = b;
  const { causal = false, padding, alibi } = options;
  const parts = [
    ...(causal || alibi !== undefined ? [distanceBias(b, like, axis, causal, alibi)] : []),
    ...(padding ? [op.Unsqueeze(paddingBias(b, padding), [1, 2])] : []),
  ];
  return parts.length === 0 ? undefined : parts.reduce((x, y) => op.Add(x, y));
}

/** 0 for tokens and `MASKED` for padding, float32 [N, S]. */
function paddingBias(b: GraphBuilder, padding: Value): Value {
  const gaps = b.op.Sub(b.scalar(1), b.op.Cast(padding, 'float32'));
  return b.op.Mul(gaps, b.scalar(MASKED));
}

/** [T, T], or [heads, T, T] with ALiBi's -slope · |i - j|. */
function distanceBias(b: GraphBuilder, like: Value, axis: number, causal: boolean, alibi: number | undefined): Value {
  const { op } = b;
  const length = like.shape[axis];
  const slopes = alibi === undefined ? [0] : alibiSlopes(alibi);
  const heads = alibi === undefined ? [] : [alibi];
  if (typeof length === 'number') {
    const values = new Float32Array(slopes.length * length * length);
    slopes.forEach((slope, h) => {
      for (let i = 0; i < length; i++)
        for (let j = 0; j < length; j++)
          values[(h * length + i) * length + j] = causal && j > i ? MASKED : slope === 0 ? 0 : -slope * Math.abs(i - j);
    });
    return b.constant(tensor('float32', [...heads, length, length], values));
  }
  const at = positionIds(b, like, axis);
  const [row, column] = [op.Unsqueeze(at, [1]), op.Unsqueeze(at, [0])];
  const mask = op.Where(op.Greater(column, row), b.scalar(MASKED), b.scalar(0));
  if (alibi === undefined) return mask;
  const distance = op.Cast(op.Abs(op.Sub(row, column)), 'float32');
  const negative = b.constant(
    tensor(
      'float32',
      [alibi, 1, 1],
      Float32Array.from(slopes, (s) => -s),
    ),
  );
  const penalty = op.Mul(distance, negative);
  return causal ? op.Add(penalty, mask) : penalty;
}

export interface AttendOptions {
  /** Added to the scores; broadcasts to [N, heads, T, S]. */
  readonly bias?: Value | undefined;
  /** Share of the attention weights that a training step leaves out; the mask is the random input `dropout`. */
  readonly dropout?: number;
}

/**
 * Scaled dot product attention (Vaswani et al. 2017): softmax(q kᵀ / √headSize + bias) v for q [T, N, heads, headSize], k and v [S, N, kvHeads, headSize] → [T, N, heads · headSize].
 * With fewer key-value heads, heads/kvHeads neighbouring query heads share one (Ainslie et al. 2023, arXiv 2305.13245). Tokens are the first axis because ONNX Runtime's products read
 * operands of this layout in place (FusedMatMul's transBatchA and transBatchB), while heads behind tokens must be copied.
 */
export function attend(b: GraphBuilder, q: Value, k: Value, v: Value, options: AttendOptions = {}): Value {
  const { op } = b;
  const [heads, size] = [Number(q.shape[2]), Number(q.shape[3])];
  const kvHeads = Number(k.shape[2]);
  if (!(heads % kvHeads === 0))
    throw new StrataError('invalid_graph', `${kvHeads} key-value heads cannot serve ${heads} heads: not a divisor`);
  const grouped = kvHeads < heads;
  const group = heads / kvHeads;
  const split = (x: Value, n: number) => (grouped ? op.Reshape(x, [0, 0, kvHeads, n, size]) : x);
  // tokens behind the batch axes: [N, heads, T, headSize], or [N, kvHeads, group, T, headSize]
  const rows = grouped ? [1, 2, 3, 0, 4] : [1, 2, 0, 3];
  const columns = grouped ? [1, 2, 3, 4, 0] : [1, 2, 3, 0];
  const back = grouped ? [3, 0, 1, 2, 4] : [2, 0, 1, 3];
  const product = op.MatMul(op.Transpose(split(q, group), rows), op.Transpose(split(k, 1), columns));
  let scores = op.Mul(product, b.scalar(1 / Math.sqrt(size), q.dtype));
  // [N, heads, T, S] → [N, kvHeads, group, T, S]
  if (options.bias) scores = op.Add(scores, grouped ? groupedBias(b, options.bias, kvHeads, group) : options.bias);
  let weights = op.Softmax(scores, { axis: -1 });
  if (options.dropout) weights = dropout(b, weights, { name: 'dropout', rate: options.dropout });
  const mixed = op.MatMul(weights, op.Transpose(split(v, 1), rows));
  return op.Reshape(op.Transpose(mixed, back), [0, 0, heads * size]);
}

/** A bias [heads or 1, T, S] or [N, heads or 1, T, S] with its heads split into groups; [T, S] needs nothing. */
function groupedBias(b: GraphBuilder, bias: Value, kvHeads: number, group: number): Value {
  const rank = bias.shape.length;
  if (rank < 3) return bias;
  const heads = bias.shape[rank - 3];
  if (heads === 1) return b.op.Unsqueeze(bias, [rank - 3]);
  const shape = rank === 3 ? [kvHeads, group] : [0, kvHeads, group];
  const rest = bias.shape.slice(-2);
  if (rest.every((d) => typeof d === 'number')) return b.op.Reshape(bias, [...shape, ...rest.map(Number)]);
  return b.op.Reshape(bias, b.op.Concat([b.ints(shape), b.op.Shape(bias, { start: rank - 2 })], 0));
}

export interface AttentionOptions extends AttendOptions {
  /** Parameters are those of the layers `{name}/qkv` and `{name}/out`; with `memory` `{name}/q`, `{name}/kv` and `{name}/out`. */
  readonly name: string;
  readonly heads: number;
  /** Default: as many as `heads`. */
  readonly kvHeads?: number;
  /** Numbers of a head; default: width / heads. */
  readonly headSize?: number;
  /** Cross-attention: keys and values come from this, [S, N, memoryWidth]. */
  readonly memory?: Value;
  readonly rotary?: Rotary | undefined;
  /** Biases of the projections; default true. */
  readonly projectionBias?: boolean;
  readonly init?: Initializer;
  readonly outInit?: Initializer;
  readonly linear?: Linear;
}

/** Multi-head attention with its projections: x [T, N, width] → [T, N, width]. Tokens come first (see `attend`). */
export function multiHeadAttention(b: GraphBuilder, x: Value, options: AttentionOptions): Value {
  const { name, heads, kvHeads = heads, memory, linear = dense, projectionBias: bias = true, init } = options;
  const width = lastSize(x, name);
  const size = options.headSize ?? width / heads;
  if (!Number.isInteger(size))
    throw new StrataError('invalid_graph', `a width of ${width} cannot be split into ${heads} heads`, {
      where: { layer: name },
    });
  return b.scope(name, () => {
    const { op } = b;
    const project = (from: Value, layer: string, sizes: readonly number[]): Value[] => {
      const units = sizes.reduce((s, n) => s + n, 0) * size;
      const y = linear(b, from, { name: layer, units, bias, ...(init ? { init } : {}) });
      const parts =
        sizes.length === 1
          ? [y]
          : op.Split(
              y,
              sizes.map((n) => n * size),
              2,
            );
      return parts.map((p, i) => op.Reshape(p, [0, 0, sizes[i] ?? 1, size]));
    };
    const [q, k, v] = memory
      ? [...project(x, 'q', [heads]), ...project(memory, 'kv', [kvHeads, kvHeads])]
      : project(x, 'qkv', [heads, kvHeads, kvHeads]);
    if (!q || !k || !v) throw new StrataError('internal', 'attention needs queries, keys and values');
    const turn = (y: Value) => (options.rotary ? rotate(b, y, options.rotary) : y);
    const mixed = attend(b, turn(q), turn(k), v, options);
    const outInit = options.outInit ?? init;
    return linear(b, mixed, { name: 'out', units: width, bias, ...(outInit ? { init: outInit } : {}) });
  });
}
