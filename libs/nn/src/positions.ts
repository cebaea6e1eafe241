import { tensor, type GraphBuilder, type Value } from '@strata/graph';
import { StrataError } from '@strata/kernel';
import { normal } from './init.js';

export const POSITIONS = ['learned', 'sinusoidal', 'rotary', 'alibi', 'none'] as const;
export type PositionKind = (typeof POSITIONS)[number];

/** The first `length` rows of a table [rows, …], where `length` is a size of `like` along `axis`, known or not. */
function firstRows(b: GraphBuilder, table: Value, like: Value, axis: number): Value {
  const length = like.shape[axis];
  const rows = table.shape[0];
  if (typeof length === 'number' && typeof rows === 'number') {
    if (length > rows)
      throw new StrataError('invalid_graph', `${length} positions do not fit into a table of ${rows}`, {
        where: { node: table.name },
      });
    return length === rows ? table : b.op.Slice(table, [0], [length], [0]);
  }
  return b.op.Gather(table, positionIds(b, like, axis));
}

/** 0 … n - 1, int64 [n], where n is the size of `like` along `axis`. */
export function positionIds(b: GraphBuilder, like: Value, axis: number): Value {
  const length = b.op.Squeeze(b.op.Shape(like, { start: axis, end: axis + 1 }), [0]);
  return b.op.Range(b.scalar(0, 'int64'), length, b.scalar(1, 'int64'));
}

export interface PositionOptions {
  /** Longest sequence. */
  readonly length: number;
  readonly width: number;
}

/** Learned positions: rows of the parameter `{name}/table` [length, width] for the tokens of `ids` along `axis` → [T, width]. */
export function learnedPositions(
  b: GraphBuilder,
  ids: Value,
  axis: number,
  options: PositionOptions & { readonly name: string },
): Value {
  const table = b.scope(options.name, () => b.param('table', 'float32', [options.length, options.width], normal(0.02)));
  return firstRows(b, table, ids, axis);
}

/** Sinusoidal positions (Vaswani et al. 2017, arXiv 1706.03762): sin and cos of t / 10000^(2i / width), alternating → [T, width]. */
export function sinusoidalPositions(b: GraphBuilder, ids: Value, axis: number, options: PositionOptions): Value {
  const { length, width } = options;
  const values = new Float32Array(length * width);
  for (let t = 0; t < length; t++)
    for (let i = 0; i < width; i++) {
      const angle = t / 10_000 ** ((i - (i % 2)) / width);
      values[t * width + i] = i % 2 === 0 ? Math.sin(angle) : Math.cos(angle);
    }
  return firstRows(b, b.constant(tensor('float32', [length, width], values)), ids, axis);
}

/** Constants of rotary positions for one head size. */
export interface Rotary {
  /** [T, 1, 1, headSize] */
  readonly cos: Value;
  readonly sin: Value;
  /** [headSize, headSize]: x · turn = (-x₂, x₁) with x₁, x₂ the halves of x. */
  readonly turn: Value;
}

/**
 * Rotary positions (Su et al. 2021, arXiv 2104.09864) in the layout of GPT-NeoX and Llama: element i turns together with element i + headSize/2 by t · theta^(-2i / headSize).
 */
export function rotary(
  b: GraphBuilder,
  like: Value,
  axis: number,
  options: { readonly length: number; readonly headSize: number; readonly theta?: number },
): Rotary {
  const { length, headSize, theta = 10_000 } = options;
  if (headSize % 2 !== 0)
    throw new StrataError('invalid_graph', `rotary positions need an even head size, not ${headSize}`);
  const half = headSize / 2;
  const table = (f: (x: number) => number): Value => {
    const values = new Float32Array(length * headSize);
    for (let t = 0; t < length; t++)
      for (let i = 0; i < headSize; i++) values[t * headSize + i] = f(t * theta ** ((-2 * (i % half)) / headSize));
    return firstRows(b, b.constant(tensor('float32', [length, 1, 1, headSize], values)), like, axis);
  };
  const turn = new Float32Array(headSize * headSize);
  for (let i = 0; i < half; i++) {
    turn[(half + i) * headSize + i] = -1;
    turn[i * headSize + half + i] = 1;
  }
  return {
    cos: table(Math.cos),
    sin: table(Math.sin),
    turn: b.constant(tensor('float32', [headSize, headSize], turn)),
  };
}

/** x cos + (-x₂, x₁) sin, for x [T, N, heads, headSize]. The exchange of halves is a product with a signed permutation: one node, one pass, and one for its gradient. */
export function rotate(b: GraphBuilder, x: Value, { cos, sin, turn }: Rotary): Value {
  return b.op.Add(b.op.Mul(x, cos), b.op.Mul(b.op.MatMul(x, turn), sin));
}

/** Slopes of ALiBi (Press, Smith & Lewis 2021, arXiv 2108.12409): 2^(-8 k / n) for n a power of two, else those of the next lower power and every other one of the next higher. */
export function alibiSlopes(heads: number): number[] {
  const powers = (n: number) => Array.from({ length: n }, (_, i) => 2 ** ((-8 * (i + 1)) / n));
  const low = 2 ** Math.floor(Math.log2(heads));
  if (low === heads) return powers(heads);
  return [
    ...powers(low),
    ...powers(2 * low)
      .filter((_, i) => i % 2 === 0)
      .slice(0, heads - low),
  ];
}
