import { GraphBuilder, type Graph, type Value } from '@strata/graph';
import {
  bert,
  crossEntropy,
  dense,
  dropout,
  gpt,
  kaimingUniform,
  normal,
  zeros,
  embedding,
  type Linear,
  type Lookup,
  type TransformerConfig,
} from '@strata/nn';
import type { Weights } from '@strata/training';
import { classifierOutputs } from '../../shared/classifier-outputs.js';
import type { Family } from './base.js';

export interface Lora {
  readonly rank: number;
  readonly alpha: number;
  readonly dropout: number;
  /** Names of the layers that are changed. */
  readonly targets: readonly string[];
}

export interface Classifier {
  readonly family: Family;
  readonly config: TransformerConfig;
  readonly pooling: 'mean' | 'last';
  readonly classes: readonly string[];
  readonly lora: Lora | undefined;
  readonly labelSmoothing: number;
  readonly classWeights: readonly number[] | undefined;
}

export const HEAD = 'classifier';
const A = 'lora_a';
const B = 'lora_b';

/** Whether a parameter is new: not of the base. */
export const isHead = (name: string): boolean => name.startsWith(`${HEAD}/`);
export const isLora = (name: string): boolean => name.endsWith(`/${A}`) || name.endsWith(`/${B}`);

/**
 * A dense layer with a low-rank change (Hu et al. 2021, arXiv 2106.09685): y = x W + b + (alpha / rank) · dropout(x) A B, with A [in, rank] drawn at random and B [rank, out] of zeros, so that
 * training begins at the base model. Parameters `{name}/lora_a` and `{name}/lora_b`.
 */
function loraLinear({ rank, alpha, dropout: rate, targets }: Lora, training: boolean): Linear {
  return (b, x, options) => {
    const y = dense(b, x, options);
    if (!targets.includes(options.name)) return y;
    return b.scope(options.name, () => {
      const a = b.param(A, x.dtype, [Number(x.shape.at(-1)), rank], kaimingUniform);
      const down = b.param(B, x.dtype, [rank, options.units], zeros);
      const input = training ? dropout(b, x, { name: 'lora_dropout', rate }) : x;
      const change = b.op.MatMul(b.op.MatMul(input, a), down);
      return b.op.Add(y, b.op.Mul(change, b.scalar(alpha / rank, x.dtype)));
    });
  };
}

/** The same for a table of embeddings: W[id] + (alpha / rank) · A[id] B, here with A of zeros, so that only tokens that occur are changed. */
function loraLookup({ rank, alpha, targets }: Lora): Lookup {
  return (b, ids, options) => {
    const y = embedding(b, ids, options);
    if (!targets.includes(options.name)) return y;
    return b.scope(options.name, () => {
      const a = b.param(A, y.dtype, [options.buckets, rank], zeros);
      const down = b.param(B, y.dtype, [rank, options.dim], normal(1 / Math.sqrt(options.dim)));
      return b.op.Add(y, b.op.Mul(b.op.MatMul(b.op.Gather(a, ids), down), b.scalar(alpha / rank, y.dtype)));
    });
  };
}

/** What stands for each text, [N, n_embd]: the mean of the hidden states [N, L, n_embd] of its tokens, or the last one's. */
function pool(b: GraphBuilder, hidden: Value, mask: Value, pooling: 'mean' | 'last'): Value {
  const { op } = b;
  const real = op.Cast(mask, 'float32');
  const one = b.scalar(1);
  if (pooling === 'mean') {
    const sum = op.ReduceSum(op.Mul(hidden, op.Unsqueeze(real, [2])), { axes: [1], keepdims: false });
    return op.Div(sum, op.Max(op.ReduceSum(real, { axes: [1], keepdims: true }), one));
  }
  // the last token is that before which all others stand: Σ mask up to it equals Σ mask; as a product, which has a cheap gradient
  const after = op.Concat(
    [op.Slice(real, [1], [Number.MAX_SAFE_INTEGER], [1]), op.Mul(op.Slice(real, [0], [1], [1]), b.scalar(0))],
    1,
  );
  const last = op.Sub(real, after);
  return op.ReduceSum(op.Mul(hidden, op.Unsqueeze(last, [2])), { axes: [1], keepdims: false });
}

function logitsOf(b: GraphBuilder, m: Classifier, training: boolean): Value {
  const ids = b.input('input_ids', 'int64', ['N', 'L']);
  const mask = b.input('attention_mask', 'int64', ['N', 'L']);
  const config = m.lora ? { ...m.config, linear: loraLinear(m.lora, training), lookup: loraLookup(m.lora) } : m.config;
  const hidden = m.family === 'bert' ? bert(b, ids, mask, config, { training }) : gpt(b, ids, config, { training });
  const text = pool(b, hidden, mask, m.pooling);
  const kept = training ? dropout(b, text, { name: 'classifier_dropout', rate: m.config.dropout ?? 0 }) : text;
  return dense(b, kept, { name: HEAD, units: m.classes.length, init: normal(0.02) });
}

/** The training loss: cross-entropy of `target` int64 [N]. */
export function classifierLoss(b: GraphBuilder, m: Classifier): Value {
  return crossEntropy(b, logitsOf(b, m, true), b.input('target', 'int64', ['N']), {
    labelSmoothing: m.labelSmoothing,
    ...(m.classWeights ? { classWeights: m.classWeights } : {}),
  });
}

/** Ids in, `label` string [N] and `probabilities` [N, C] out. */
export function classifierGraph(m: Classifier): Graph {
  const b = new GraphBuilder('fine-tuned');
  classifierOutputs(b, logitsOf(b, m, false), m.classes);
  return b.build();
}

/** The model without adapters: W + (alpha / rank) A B in the place of W. */
export function mergeLora(weights: Weights, lora: Lora): Weights {
  const merged: Record<string, Weights[string]> = {};
  for (const [name, t] of Object.entries(weights)) {
    if (isLora(name)) continue;
    const layer = name.slice(0, name.lastIndexOf('/'));
    const a = weights[`${layer}/${A}`];
    const down = weights[`${layer}/${B}`];
    merged[name] =
      /\/(weight|table)$/.test(name) && a && down ? { ...t, data: changed(t.data, a.data, down.data, lora) } : t;
  }
  return merged;
}

/** W [n, m] + (alpha / rank) · A [n, rank] B [rank, m]. */
function changed(w: Float32Array, a: Float32Array, b: Float32Array, { rank, alpha }: Lora): Float32Array {
  const n = a.length / rank;
  const m = b.length / rank;
  const out = Float32Array.from(w);
  for (let i = 0; i < n; i++)
    for (let j = 0; j < m; j++) {
      let sum = 0;
      for (let k = 0; k < rank; k++) sum += (a[i * rank + k] as number) * (b[k * m + j] as number);
      out[i * m + j] = (w[i * m + j] as number) + (alpha / rank) * sum;
    }
  return out;
}
