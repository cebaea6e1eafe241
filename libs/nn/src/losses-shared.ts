import type { GraphBuilder, Value } from '@strata/graph';

/** What becomes of the costs of rows or elements: their mean (weighted where there are weights), their sum, or nothing. */
export type Reduction = 'mean' | 'sum' | 'none';

/** `sum / total`, and 0 when nothing counts: a batch whose labels are all ignored must not end in NaN. */
export function ratio(b: GraphBuilder, sum: Value, total: Value): Value {
  const { op } = b;
  const none = op.Cast(op.Equal(total, b.scalar(0, total.dtype)), total.dtype);
  return op.Div(sum, op.Add(total, none));
}

/** Reduces costs; with weights of the same shape (or one that broadcasts to it) the mean is Σ w v / Σ w. */
export function reduce(
  b: GraphBuilder,
  values: Value,
  reduction: Reduction = 'mean',
  weights: Value | undefined = undefined,
): Value {
  const { op } = b;
  const counted = weights ? op.Mul(values, weights) : values;
  if (reduction === 'none') return counted;
  if (reduction === 'sum') return op.ReduceSum(counted);
  return weights ? ratio(b, op.ReduceSum(counted), op.ReduceSum(weights)) : op.ReduceMean(values);
}

/** ‖x‖₂ along the last axis, which stays with size 1 when `keepdims`. */
export const norm = (b: GraphBuilder, x: Value, keepdims = false): Value =>
  b.op.Sqrt(b.op.ReduceSumSquare(x, { axes: [-1], keepdims }));
