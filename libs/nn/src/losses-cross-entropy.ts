import { StrataError } from '@strata/kernel';
import type { GraphBuilder, Value } from '@strata/graph';
import { ratio, type Reduction } from './losses-shared.js';

export interface CrossEntropyOptions {
  /** Weight of each class, [C]: the mean is weighted by the weight of each row's class, as in PyTorch. */
  readonly classWeights?: readonly number[];
  /** Share of the target's probability that is spread evenly over all classes (Szegedy et al. 2015, arXiv 1512.00567). */
  readonly labelSmoothing?: number;
  /** Weight of each row, of the shape of the labels. A row of weight 0 does not count. */
  readonly sampleWeights?: Value;
  /** Rows with this label cost nothing and do not count; it may lie outside the classes, as -100 does. */
  readonly ignoreIndex?: number;
  /** Axis of the logits that holds the classes: the last, or 1 for [N, C, ...] as PyTorch lays them out. */
  readonly classAxis?: number;
  readonly reduction?: Reduction;
}

/**
 * Cross-entropy of class labels: logits [..., C], labels int64 [...] → scalar, or [...] without reduction.
 * With log-probabilities lp and smoothing ε, a row costs -(1 - ε) w_y lp_y - ε/C Σ_c w_c lp_c; the sum is divided by the sum of the rows' weights w_y. The same as
 * `torch.nn.functional.cross_entropy` with `weight`, `label_smoothing` and `ignore_index`, except that the mean over no row at all is 0.
 * @throws StrataError `invalid_graph`
 */
export function crossEntropy(b: GraphBuilder, logits: Value, labels: Value, options: CrossEntropyOptions = {}): Value {
  const { op } = b;
  const { dtype } = logits;
  const { classWeights, labelSmoothing: smoothing = 0, sampleWeights, ignoreIndex, reduction = 'mean' } = options;
  const { axis, classes } = classesOf(logits, labels, options);
  const counts = ignoreIndex === undefined ? undefined : op.Not(op.Equal(labels, b.scalar(ignoreIndex, 'int64')));
  const known = counts ? op.Where(counts, labels, b.scalar(0, 'int64')) : labels;

  const lp = op.LogSoftmax(logits, { axis });
  const picked = op.Squeeze(op.GatherElements(lp, op.Unsqueeze(known, [axis]), { axis }), [axis]);
  const table =
    classWeights &&
    op.Cast(b.constant({ dtype: 'float64', dims: [classes], data: Float64Array.from(classWeights) }), dtype);
  const classWeight = table && op.Gather(table, known);
  let cost = op.Neg(classWeight ? op.Mul(classWeight, picked) : picked);
  if (smoothing > 0) {
    const k = (v: number) => b.scalar(v, dtype);
    const along = logits.shape.map((_, i) => (i === axis ? classes : 1));
    const spread = op.Neg(op.ReduceSum(table ? op.Mul(lp, op.Reshape(table, along)) : lp, { axes: [axis] }));
    cost = op.Add(op.Mul(cost, k(1 - smoothing)), op.Mul(spread, k(smoothing / classes)));
  }
  // factors of a row's cost, and what it counts for in the mean
  const factors = [...(counts ? [op.Cast(counts, dtype)] : []), ...(sampleWeights ? [sampleWeights] : [])];
  const product = (values: readonly Value[]): Value | undefined =>
    values.length === 0 ? undefined : values.reduce((x, y) => op.Mul(x, y));
  const factor = product(factors);
  const counted = factor ? op.Mul(cost, factor) : cost;
  if (reduction === 'none') return counted;
  if (reduction === 'sum') return op.ReduceSum(counted);
  const total = product(classWeight ? [...factors, classWeight] : factors);
  return total ? ratio(b, op.ReduceSum(counted), op.ReduceSum(total)) : op.ReduceMean(counted);
}

function classesOf(logits: Value, labels: Value, options: CrossEntropyOptions): { axis: number; classes: number } {
  const fail = (problem: string): never => {
    throw new StrataError('invalid_graph', `the cross-entropy ${problem}`, { where: { node: logits.name } });
  };
  const rank = logits.shape.length;
  const { classAxis = rank - 1, classWeights } = options;
  const axis = classAxis < 0 ? classAxis + rank : classAxis;
  const classes = logits.shape[axis];
  if (typeof classes !== 'number')
    return fail(
      `takes logits with a known number of classes, not [${logits.shape.join(', ')}] with classes along axis ${axis}`,
    );
  if (labels.shape.length !== rank - 1)
    fail(
      `takes one label for each row of logits [${logits.shape.join(', ')}], not labels [${labels.shape.join(', ')}]`,
    );
  if (classWeights && classWeights.length !== classes)
    fail(`has ${classes} classes but ${classWeights.length} class weights`);
  return { axis, classes };
}
