import type { GraphBuilder, Value } from '@strata/graph';
import { reduce, type Reduction } from './losses-shared.js';

export interface BinaryOptions {
  /** Factor of the cost of the positive class: one number, or one for each element of the last axis. */
  readonly positiveWeight?: number | readonly number[];
  readonly sampleWeights?: Value;
  readonly reduction?: Reduction;
}

/** ln(1 + e^-z) = max(-z, 0) + ln(1 + e^-|z|), the cost of a miss on the positive side; it does not overflow. */
function costOfMiss(b: GraphBuilder, z: Value): Value {
  const { op } = b;
  const tail = op.Log(op.Add(op.Exp(op.Neg(op.Abs(z))), b.scalar(1, z.dtype)));
  return op.Add(op.Relu(op.Neg(z)), tail);
}

/**
 * Binary cross-entropy of logits: z and targets t in [0, 1], same shape → scalar.
 * p t ln(1 + e^-z) + (1 - t) (z + ln(1 + e^-z)) with the positive weight p, as `torch.nn.functional.binary_cross_entropy_with_logits`.
 */
export function binaryCrossEntropy(b: GraphBuilder, logits: Value, targets: Value, options: BinaryOptions = {}): Value {
  const { op } = b;
  const { dtype } = logits;
  const { positiveWeight, sampleWeights, reduction } = options;
  const weight = weightOf(b, positiveWeight, dtype);
  const miss = costOfMiss(b, logits);
  const away = op.Mul(op.Sub(b.scalar(1, dtype), targets), op.Add(logits, miss));
  return reduce(b, op.Add(op.Mul(weight ? op.Mul(targets, weight) : targets, miss), away), reduction, sampleWeights);
}

function weightOf(b: GraphBuilder, weight: BinaryOptions['positiveWeight'], dtype: Value['dtype']): Value | undefined {
  if (weight === undefined) return undefined;
  if (typeof weight === 'number') return b.scalar(weight, dtype);
  return b.op.Cast(b.constant({ dtype: 'float64', dims: [weight.length], data: Float64Array.from(weight) }), dtype);
}

export interface FocalOptions {
  /** How much sure rows count less; 0 gives the binary cross-entropy. Default 2. */
  readonly gamma?: number;
  /** Weight of the positive class, 1 - alpha that of the negative one; none when absent. */
  readonly alpha?: number;
  readonly sampleWeights?: Value;
  readonly reduction?: Reduction;
}

/**
 * Focal loss of logits (Lin et al. 2017, arXiv 1708.02002): z and targets t in [0, 1], same shape → scalar.
 * α_t (1 - p_t)^γ · binary cross-entropy with p_t = p t + (1 - p)(1 - t), as torchvision's `sigmoid_focal_loss`.
 */
export function focal(b: GraphBuilder, logits: Value, targets: Value, options: FocalOptions = {}): Value {
  const { op } = b;
  const { gamma = 2, alpha, sampleWeights, reduction } = options;
  const k = (v: number) => b.scalar(v, logits.dtype);
  const cost = binaryCrossEntropy(b, logits, targets, { reduction: 'none' });
  // 1 - p_t is the probability of the wrong side: σ(-z) t + σ(z) (1 - t)
  const other = op.Sub(k(1), targets);
  const wrong = op.Add(op.Mul(op.Sigmoid(op.Neg(logits)), targets), op.Mul(op.Sigmoid(logits), other));
  const focused = gamma === 0 ? cost : op.Mul(cost, op.Pow(wrong, k(gamma)));
  if (alpha === undefined) return reduce(b, focused, reduction, sampleWeights);
  const balance = op.Add(op.Mul(targets, k(alpha)), op.Mul(other, k(1 - alpha)));
  return reduce(b, op.Mul(focused, balance), reduction, sampleWeights);
}

/** Mean squared error: predictions and targets of the same shape → scalar. */
export function meanSquaredError(b: GraphBuilder, predictions: Value, targets: Value, sampleWeights?: Value): Value {
  const d = b.op.Sub(predictions, targets);
  return reduce(b, b.op.Mul(d, d), 'mean', sampleWeights);
}

/** Mean absolute error. */
export function meanAbsoluteError(b: GraphBuilder, predictions: Value, targets: Value, sampleWeights?: Value): Value {
  return reduce(b, b.op.Abs(b.op.Sub(predictions, targets)), 'mean', sampleWeights);
}

/** Huber 1964: ½ d² where |d| ≤ δ, else δ (|d| - ½ δ); with c = min(|d|, δ) both are c (|d| - ½ c). */
export function huber(b: GraphBuilder, predictions: Value, targets: Value, delta = 1, sampleWeights?: Value): Value {
  const d = b.op.Abs(b.op.Sub(predictions, targets));
  const c = b.op.Min(d, b.scalar(delta, d.dtype));
  return reduce(b, b.op.Mul(c, b.op.Sub(d, b.op.Mul(c, b.scalar(0.5, d.dtype)))), 'mean', sampleWeights);
}

/** Smooth L1 (Girshick 2015): ½ d² / β where |d| < β, else |d| - ½ β: Huber's loss divided by β. */
export function smoothL1(b: GraphBuilder, predictions: Value, targets: Value, beta = 1, sampleWeights?: Value): Value {
  if (beta === 0) return meanAbsoluteError(b, predictions, targets, sampleWeights);
  return b.op.Mul(huber(b, predictions, targets, beta, sampleWeights), b.scalar(1 / beta, predictions.dtype));
}

export interface KlOptions {
  /** The targets are log-probabilities too. */
  readonly logTarget?: boolean;
  /** `batchmean` (the default) divides the sum by the rows, the size of the first axis: the divergence itself. `mean` divides by all elements. */
  readonly reduction?: Reduction | 'batchmean';
}

/**
 * Kullback–Leibler divergence Σ t (ln t - x) of the predicted distributions from the targets: log-probabilities x and targets t, same shape → scalar, as
 * `torch.nn.functional.kl_div`. A target of 0 costs 0.
 */
export function klDivergence(b: GraphBuilder, logPredictions: Value, targets: Value, options: KlOptions = {}): Value {
  const { op } = b;
  const { logTarget = false, reduction = 'batchmean' } = options;
  const { dtype } = targets;
  const positive = (): Value => op.Greater(targets, b.scalar(0, dtype));
  const logs = logTarget ? targets : op.Log(op.Where(positive(), targets, b.scalar(1, dtype)));
  const costs = op.Mul(logTarget ? op.Exp(targets) : targets, op.Sub(logs, logPredictions));
  if (reduction !== 'batchmean') return reduce(b, costs, reduction);
  const rest = costs.shape.slice(1).map((_, i) => i + 1);
  return op.ReduceMean(rest.length > 0 ? op.ReduceSum(costs, { axes: rest }) : costs);
}
