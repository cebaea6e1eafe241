import { StrataError } from '@strata/kernel';
import type { DType, GraphBuilder, Initializer, Shape, Value } from '@strata/graph';
import { glorotUniform, normal, zeros } from './init.js';

/** The last size of a value, which a layer's weights depend on. */
export function lastSize(x: Value, layer: string): number {
  const d = x.shape.at(-1);
  if (typeof d === 'number') return d;
  throw new StrataError(
    'invalid_graph',
    `${layer} needs a last size that is a number, but "${x.name}" is [${x.shape.join(', ')}]`,
    {
      where: { layer },
    },
  );
}

export interface DenseOptions {
  readonly units: number;
  /** Parameters are `{name}/weight` [in, units] and `{name}/bias` [units]. */
  readonly name: string;
  readonly bias?: boolean;
  readonly init?: Initializer;
  readonly biasInit?: Initializer;
}

/** Fully connected layer over the last axis: x [..., in] → x W + b [..., units]. */
export function dense(b: GraphBuilder, x: Value, options: DenseOptions): Value {
  return b.scope(options.name, () => {
    const weight = b.param(
      'weight',
      x.dtype,
      [lastSize(x, options.name), options.units],
      options.init ?? glorotUniform,
    );
    const y = b.op.MatMul(x, weight);
    return options.bias === false
      ? y
      : b.op.Add(y, b.param('bias', x.dtype, [options.units], options.biasInit ?? zeros));
  });
}

export interface EmbeddingOptions {
  /** Rows of the table. */
  readonly buckets: number;
  readonly dim: number;
  /** The table is the parameter `{name}/table` [buckets, dim]. */
  readonly name: string;
  readonly dtype?: DType;
  readonly init?: Initializer;
}

/** Looks ids (int64, any shape, 0 … buckets - 1) up in a trained table: [...] → [..., dim]. */
export function embedding(b: GraphBuilder, ids: Value, options: EmbeddingOptions): Value {
  return b.scope(options.name, () => {
    const table = b.param(
      'table',
      options.dtype ?? 'float32',
      [options.buckets, options.dim],
      options.init ?? normal(1),
    );
    return b.op.Gather(table, ids);
  });
}

/**
 * Mean of the embeddings of a row's ids, without the padding: ids int64 [N, L], 0 pads → [N, dim]. A row of padding alone gives zeros.
 * Row 0 of the table belongs to the padding and is never trained.
 */
export function embeddingBag(b: GraphBuilder, ids: Value, options: EmbeddingOptions): Value {
  const dtype = options.dtype ?? 'float32';
  const vectors = embedding(b, ids, options);
  return b.scope(options.name, () => {
    const mask = b.op.Cast(b.op.Greater(ids, b.scalar(0, 'int64')), dtype); // [N, L]
    // 1/count is spread over the ids, so that sum and division are one product: [N, 1, L] × [N, L, dim]
    const count = b.op.Max(b.op.ReduceSum(mask, { axes: [1], keepdims: true }), b.scalar(1, dtype));
    const weights = b.op.Unsqueeze(b.op.Div(mask, count), [1]);
    return b.op.Squeeze(b.op.MatMul(weights, vectors), [1]);
  });
}

/**
 * Inverted dropout (Srivastava et al. 2014): a product with a mask of 0 (with probability `rate`) and 1 / (1 - rate) that the trainer draws for each step: the random
 * input `{name}`, of the shape of `x` or one that broadcasts to it. For evaluation build the graph without it.
 */
export function dropout(
  b: GraphBuilder,
  x: Value,
  options: { readonly name: string; readonly rate: number; readonly shape?: Shape },
): Value {
  const { name, rate, shape = x.shape } = options;
  if (!(rate >= 0 && rate < 1))
    throw new StrataError('invalid_graph', `the dropout rate must be in [0, 1), not ${rate}`);
  if (rate === 0) return x;
  const mask = b.random(name, shape, 'dropout', rate);
  return b.op.Mul(x, x.dtype === 'float32' ? mask : b.op.Cast(mask, x.dtype));
}

export const ACTIVATIONS = [
  'relu',
  'leaky_relu',
  'elu',
  'gelu',
  'silu',
  'tanh',
  'sigmoid',
  'softplus',
  'identity',
] as const;
export type Activation = (typeof ACTIVATIONS)[number];

const APPLY: { readonly [A in Activation]: (b: GraphBuilder, x: Value) => Value } = {
  relu: (b, x) => b.op.Relu(x),
  leaky_relu: (b, x) => b.op.LeakyRelu(x),
  elu: (b, x) => b.op.Elu(x),
  gelu: (b, x) => b.op.Gelu(x),
  // x σ(x): Elfwing et al. 2017, arXiv 1702.03118
  silu: (b, x) => b.op.Mul(x, b.op.Sigmoid(x)),
  tanh: (b, x) => b.op.Tanh(x),
  sigmoid: (b, x) => b.op.Sigmoid(x),
  softplus: (b, x) => b.op.Softplus(x),
  identity: (_, x) => x,
};

/** Applies an activation function by its name. */
export const activate = (b: GraphBuilder, x: Value, name: Activation): Value => APPLY[name](b, x);
