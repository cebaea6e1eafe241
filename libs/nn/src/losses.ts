import { StrataError } from '@strata/kernel';
import type { GraphBuilder, Value } from '@strata/graph';

/** Mean of `values`, or their mean weighted by `weights` of the same shape: Σ w v / Σ w. */
function average(b: GraphBuilder, values: Value, weights: Value | undefined): Value {
  if (!weights) return b.op.ReduceMean(values);
  return b.op.Div(b.op.ReduceSum(b.op.Mul(values, weights)), b.op.ReduceSum(weights));
}

export interface CrossEntropyOptions {
  /** Weight of each class, [C]: the mean is weighted by the weight of each row's class, as in PyTorch. */
  readonly classWeights?: readonly number[];
  /** Share of the target's probability that is spread evenly over all classes (Szegedy et al. 2015, arXiv 1512.00567). */
  readonly labelSmoothing?: number;
  /** Weight of each row, [N]. A row of weight 0 does not count. */
  readonly sampleWeights?: Value;
}

/**
 * Cross-entropy of class labels: logits [N, C], labels int64 [N] → scalar.
 * With log-probabilities lp and smoothing ε, a row costs -(1 - ε) w_y lp_y - ε/C Σ_c w_c lp_c; the sum is divided by the sum of the rows' weights w_y. The same as
 * `torch.nn.functional.cross_entropy` with `weight` and `label_smoothing`.
 */
export function crossEntropy(b: GraphBuilder, logits: Value, labels: Value, options: CrossEntropyOptions = {}): Value {
  const { classWeights, labelSmoothing: smoothing = 0, sampleWeights } = options;
  const classes = logits.shape[1];
  if (logits.shape.length !== 2 || typeof classes !== 'number')
    throw new StrataError(
      'invalid_graph',
      `the cross-entropy takes logits [N, C] with a known number of classes, not [${logits.shape.join(', ')}]`,
    );
  if (classWeights && classWeights.length !== classes)
    throw new StrataError(
      'invalid_graph',
      `the cross-entropy has ${classes} classes but ${classWeights.length} class weights`,
    );
  const { dtype } = logits;
  const lp = b.op.LogSoftmax(logits, { axis: 1 });
  const at = b.op.Unsqueeze(labels, [1]);
  const picked = b.op.Squeeze(b.op.GatherElements(lp, at, { axis: 1 }), [1]); // [N]
  const table =
    classWeights && b.constant({ dtype: 'float64', dims: [classes], data: Float64Array.from(classWeights) });
  const weights = table && b.op.Cast(table, dtype);
  const rowWeights = weights && b.op.Gather(weights, labels);
  let cost = b.op.Neg(rowWeights ? b.op.Mul(rowWeights, picked) : picked);
  if (smoothing > 0) {
    const spread = b.op.Neg(b.op.ReduceSum(weights ? b.op.Mul(lp, weights) : lp, { axes: [1] }));
    const k = (v: number) => b.scalar(v, dtype);
    cost = b.op.Add(b.op.Mul(cost, k(1 - smoothing)), b.op.Mul(spread, k(smoothing / classes)));
  }
  if (!rowWeights && !sampleWeights) return b.op.ReduceMean(cost);
  const total = rowWeights && sampleWeights ? b.op.Mul(rowWeights, sampleWeights) : (rowWeights ?? sampleWeights);
  const counted = sampleWeights ? b.op.Mul(cost, sampleWeights) : cost;
  return b.op.Div(b.op.ReduceSum(counted), b.op.ReduceSum(total ?? counted));
}

/**
 * Binary cross-entropy of logits: z and targets t in [0, 1], same shape → scalar.
 * softplus(z) - t z, which does not overflow: max(z, 0) - t z + ln(1 + e^-|z|). `positiveWeight` multiplies the cost of the positive class.
 */
export function binaryCrossEntropy(
  b: GraphBuilder,
  logits: Value,
  targets: Value,
  options: { readonly positiveWeight?: number; readonly sampleWeights?: Value } = {},
): Value {
  const { dtype } = logits;
  const k = (v: number) => b.scalar(v, dtype);
  const negative = b.op.Neg(logits);
  // ln(1 + e^-z) = max(-z, 0) + ln(1 + e^-|z|)
  const tail = b.op.Log(b.op.Add(b.op.Exp(b.op.Neg(b.op.Abs(logits))), k(1)));
  const costOfMiss = b.op.Add(b.op.Relu(negative), tail);
  const scaled = options.positiveWeight === undefined ? targets : b.op.Mul(targets, k(options.positiveWeight));
  // t p ln(1 + e^-z) + (1 - t) (z + ln(1 + e^-z))
  const away = b.op.Mul(b.op.Sub(k(1), targets), b.op.Add(logits, costOfMiss));
  return average(b, b.op.Add(b.op.Mul(scaled, costOfMiss), away), options.sampleWeights);
}

/** Mean squared error: predictions and targets of the same shape → scalar. */
export function meanSquaredError(b: GraphBuilder, predictions: Value, targets: Value, sampleWeights?: Value): Value {
  const d = b.op.Sub(predictions, targets);
  return average(b, b.op.Mul(d, d), sampleWeights);
}

/** Mean absolute error. */
export function meanAbsoluteError(b: GraphBuilder, predictions: Value, targets: Value, sampleWeights?: Value): Value {
  return average(b, b.op.Abs(b.op.Sub(predictions, targets)), sampleWeights);
}

/** Huber 1964: ½ d² where |d| ≤ δ, else δ (|d| - ½ δ); with c = min(|d|, δ) both are c (|d| - ½ c). */
export function huber(b: GraphBuilder, predictions: Value, targets: Value, delta = 1, sampleWeights?: Value): Value {
  const d = b.op.Abs(b.op.Sub(predictions, targets));
  const c = b.op.Min(d, b.scalar(delta, d.dtype));
  return average(b, b.op.Mul(c, b.op.Sub(d, b.op.Mul(c, b.scalar(0.5, d.dtype)))), sampleWeights);
}
