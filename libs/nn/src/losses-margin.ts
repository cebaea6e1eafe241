import { StrataError } from '@strata/kernel';
import type { GraphBuilder, Value } from '@strata/graph';
import { crossEntropy } from './losses-cross-entropy.js';
import { norm, reduce, type Reduction } from './losses-shared.js';

interface MarginOptions {
  readonly margin?: number;
  readonly reduction?: Reduction;
}

/** Hinge loss of two classes: scores s and targets y of -1 and 1, same shape: max(0, m - y s), margin m = 1. Mean over the elements. */
export function hinge(b: GraphBuilder, scores: Value, targets: Value, options: MarginOptions = {}): Value {
  const { margin = 1, reduction } = options;
  return reduce(b, b.op.Relu(b.op.Sub(b.scalar(margin, scores.dtype), b.op.Mul(targets, scores))), reduction);
}

/**
 * Hinge loss of several classes (Crammer & Singer 2001, summed over the wrong classes): scores [N, C], labels int64 [N]: Σ_{c ≠ y} max(0, m - s_y + s_c) / C, as
 * `torch.nn.functional.multi_margin_loss` with p = 1.
 */
export function multiClassHinge(b: GraphBuilder, scores: Value, labels: Value, options: MarginOptions = {}): Value {
  const { op } = b;
  const { margin = 1, reduction } = options;
  const classes = scores.shape[1];
  if (scores.shape.length !== 2 || typeof classes !== 'number')
    throw new StrataError(
      'invalid_graph',
      `the hinge loss takes scores [N, C] with a known number of classes, not [${scores.shape.join(', ')}]`,
      { where: { node: scores.name } },
    );
  const k = (v: number) => b.scalar(v, scores.dtype);
  const right = op.GatherElements(scores, op.Unsqueeze(labels, [1]), { axis: 1 }); // [N, 1]
  const over = op.Relu(op.Add(op.Sub(scores, right), k(margin)));
  // the right class itself contributes max(0, m), which is taken out again
  const cost = op.Mul(op.Sub(op.ReduceSum(over, { axes: [1] }), k(Math.max(0, margin))), k(1 / classes));
  return reduce(b, cost, reduction);
}

/** x·y / √((‖x‖² + ε)(‖y‖² + ε)) along the last axis. */
function cosine(b: GraphBuilder, x: Value, y: Value, eps: number): Value {
  const { op } = b;
  const square = (v: Value): Value => op.Add(op.ReduceSumSquare(v, { axes: [-1] }), b.scalar(eps, v.dtype));
  return op.Div(op.ReduceSum(op.Mul(x, y), { axes: [-1] }), op.Sqrt(op.Mul(square(x), square(y))));
}

/**
 * Cosine embedding loss: x, y [N, D], targets [N] of 1 (alike) and -1: 1 - cos(x, y), or max(0, cos(x, y) - m), as `torch.nn.functional.cosine_embedding_loss`. Margin 0.
 */
export function cosineEmbedding(
  b: GraphBuilder,
  x: Value,
  y: Value,
  targets: Value,
  options: MarginOptions = {},
): Value {
  const { op } = b;
  const { margin = 0, reduction } = options;
  const cos = cosine(b, x, y, 1e-12);
  const alike = op.Greater(targets, b.scalar(0, targets.dtype));
  const k = (v: number) => b.scalar(v, cos.dtype);
  return reduce(b, op.Where(alike, op.Sub(k(1), cos), op.Relu(op.Sub(cos, k(margin)))), reduction);
}

/**
 * Triplet loss (Schroff et al. 2015, arXiv 1503.03832): anchors, positives, negatives [N, D]: max(0, d(a, p) - d(a, n) + m) with d(x, y) = ‖x - y + 10⁻⁶‖₂ and margin
 * m = 1, as `torch.nn.functional.triplet_margin_loss`. `swap` takes the smaller of d(a, n) and d(p, n) (Balntas et al. 2016).
 */
export function tripletMargin(
  b: GraphBuilder,
  anchors: Value,
  positives: Value,
  negatives: Value,
  options: MarginOptions & { readonly swap?: boolean } = {},
): Value {
  const { op } = b;
  const { margin = 1, reduction, swap = false } = options;
  const k = (v: number) => b.scalar(v, anchors.dtype);
  const distance = (x: Value, y: Value): Value => norm(b, op.Add(op.Sub(x, y), k(1e-6)));
  const away = distance(anchors, negatives);
  const apart = swap ? op.Min(away, distance(positives, negatives)) : away;
  return reduce(b, op.Relu(op.Add(op.Sub(distance(anchors, positives), apart), k(margin))), reduction);
}

/** x / max(‖x‖, 10⁻¹²) along the last axis. The limit lies within the root, whose slope at 0 would be infinite. */
function unit(b: GraphBuilder, x: Value): Value {
  const { op } = b;
  const square = op.ReduceSumSquare(x, { axes: [-1], keepdims: true });
  return op.Div(x, op.Sqrt(op.Max(square, b.scalar(1e-24, x.dtype))));
}

/** 0, 1, … N - 1 for the rows of x. */
function rowNumbers(b: GraphBuilder, x: Value): Value {
  const n = b.op.Squeeze(b.op.Shape(x, { start: 0, end: 1 }), [0]);
  return b.op.Range(b.scalar(0, 'int64'), n, b.scalar(1, 'int64'));
}

/** Logits [N, C] of a number of classes that is known only when the graph runs: mean of ln Σ e^z - z_y, weighted where rows have weights. */
function openCrossEntropy(b: GraphBuilder, logits: Value, labels: Value, weights?: Value): Value {
  const { op } = b;
  if (typeof logits.shape[1] === 'number')
    return crossEntropy(b, logits, labels, weights ? { sampleWeights: weights } : {});
  const lp = op.LogSoftmax(logits, { axis: 1 });
  const costs = op.Neg(op.Squeeze(op.GatherElements(lp, op.Unsqueeze(labels, [1]), { axis: 1 }), [1]));
  return reduce(b, costs, 'mean', weights);
}

export interface InfoNceOptions {
  /** Cosines are divided by it; default 0.07. */
  readonly temperature?: number;
  /** The mean of both directions, as CLIP has it (Radford et al. 2021). */
  readonly symmetric?: boolean;
  /** int64 [N]: rows of one group are no negatives of each other. */
  readonly groups?: Value;
  /** [N]: the mean over the rows is weighted. */
  readonly sampleWeights?: Value;
}

/**
 * InfoNCE (van den Oord et al. 2018, arXiv 1807.03748): queries and keys [N, D], row i of one belongs to row i of the other, and the other rows of the batch are its
 * negatives. Cross-entropy over cosines / temperature.
 */
export function infoNce(b: GraphBuilder, queries: Value, keys: Value, options: InfoNceOptions = {}): Value {
  const { op } = b;
  const { temperature = 0.07, symmetric = false, groups, sampleWeights } = options;
  const scaled = op.Mul(unit(b, queries), b.scalar(1 / temperature, queries.dtype));
  let logits = op.MatMul(scaled, op.Transpose(unit(b, keys), [1, 0])); // [N, N]
  const own = rowNumbers(b, queries);
  if (groups) {
    const pairwise = (v: Value): Value => op.Equal(op.Unsqueeze(v, [1]), op.Unsqueeze(v, [0]));
    const related = op.And(pairwise(groups), op.Not(pairwise(own)));
    logits = op.Where(related, b.scalar(-1e30, queries.dtype), logits);
  }
  const one = openCrossEntropy(b, logits, own, sampleWeights);
  if (!symmetric) return one;
  const other = openCrossEntropy(b, op.Transpose(logits, [1, 0]), own, sampleWeights);
  return op.Mul(op.Add(one, other), b.scalar(0.5, queries.dtype));
}

/**
 * NT-Xent (Chen et al. 2020, arXiv 2002.05709): two views [N, D] of the same N things. Each of the 2 N rows looks for its other view among the 2 N - 1 other rows;
 * cross-entropy over cosines / temperature (default 0.5).
 */
export function ntXent(
  b: GraphBuilder,
  first: Value,
  second: Value,
  options: { readonly temperature?: number } = {},
): Value {
  const { op } = b;
  const { temperature = 0.5 } = options;
  const all = unit(b, op.Concat([first, second], 0)); // [2N, D]
  const cosines = op.MatMul(op.Mul(all, b.scalar(1 / temperature, all.dtype)), op.Transpose(all, [1, 0]));
  const rows = rowNumbers(b, all);
  const self = op.Equal(op.Unsqueeze(rows, [1]), op.Unsqueeze(rows, [0]));
  const logits = op.Where(self, b.scalar(-1e30, all.dtype), cosines);
  const own = rowNumbers(b, first);
  const n = op.Squeeze(op.Shape(first, { start: 0, end: 1 }), [0]);
  const partners = op.Concat([op.Add(own, n), own], 0);
  return openCrossEntropy(b, logits, partners);
}
