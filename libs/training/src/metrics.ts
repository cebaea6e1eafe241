import { StrataError } from '@strata/kernel';

/** Class indices, predictions or targets of N rows. */
export type Numbers = ArrayLike<number>;

function sameLength(a: ArrayLike<unknown>, b: ArrayLike<unknown>): number {
  if (a.length !== b.length)
    throw new StrataError('invalid_input', `${a.length} true values cannot be compared with ${b.length} predictions`);
  if (a.length === 0) throw new StrataError('empty_data', 'a metric needs at least one row');
  return a.length;
}

/**
 * Share of rows whose prediction is the truth; works on indices and on names.
 * @throws StrataError `invalid_input`, `empty_data`
 */
export function accuracy(truth: ArrayLike<string | number>, predicted: ArrayLike<string | number>): number {
  const n = sameLength(truth, predicted);
  let right = 0;
  for (let i = 0; i < n; i++) if (truth[i] === predicted[i]) right++;
  return right / n;
}

/** `matrix[t][p]`: rows of class t that were predicted as p. */
export function confusionMatrix(truth: Numbers, predicted: Numbers, classes: number): number[][] {
  const n = sameLength(truth, predicted);
  const matrix = Array.from({ length: classes }, () => new Array<number>(classes).fill(0));
  for (let i = 0; i < n; i++) {
    const row = matrix[truth[i] as number];
    const p = predicted[i] as number;
    if (!row || row[p] === undefined)
      throw new StrataError('invalid_input', `row ${i + 1}: class ${truth[i]} or ${p} is not below ${classes}`);
    row[p] = row[p] + 1;
  }
  return matrix;
}

export interface ClassScores {
  readonly precision: number;
  readonly recall: number;
  readonly f1: number;
  /** Rows that truly are of this class. */
  readonly support: number;
}

const ratio = (a: number, b: number): number => (b === 0 ? 0 : a / b);

/** Precision TP/(TP+FP), recall TP/(TP+FN) and F1 = 2PR/(P+R) of each class; 0 where undefined, as scikit-learn's `zero_division=0`. */
export function precisionRecallF1(matrix: readonly (readonly number[])[]): ClassScores[] {
  return matrix.map((row, c) => {
    const hit = row[c] as number;
    const support = row.reduce((a, b) => a + b, 0);
    const predicted = matrix.reduce((a, r) => a + (r[c] as number), 0);
    const precision = ratio(hit, predicted);
    const recall = ratio(hit, support);
    return { precision, recall, f1: ratio(2 * precision * recall, precision + recall), support };
  });
}

const mean = (xs: readonly number[]): number => xs.reduce((a, b) => a + b, 0) / xs.length;

/** Unweighted mean of the F1 of the classes that occur, in truth or prediction (scikit-learn's `average='macro'`). */
export function f1(truth: Numbers, predicted: Numbers, classes: number): number {
  const matrix = confusionMatrix(truth, predicted, classes);
  return mean(occurring(matrix).map((s) => s.f1));
}

function occurring(matrix: readonly (readonly number[])[]): ClassScores[] {
  return precisionRecallF1(matrix).filter((s, c) => s.support > 0 || matrix.some((r) => (r[c] as number) > 0));
}

/**
 * Area under the ROC curve: the probability that a positive row scores above a negative one, ties counting one half
 * (Mann–Whitney U). NaN when only one class occurs.
 * @param positive 1 or true for positive rows
 */
export function auc(positive: ArrayLike<number | boolean>, scores: Numbers): number {
  const n = sameLength(positive, scores);
  const order = Uint32Array.from({ length: n }, (_, i) => i).sort(
    (a, b) => (scores[a] as number) - (scores[b] as number),
  );
  let rankSum = 0;
  let positives = 0;
  for (let i = 0; i < n;) {
    let j = i;
    while (j < n && scores[order[j] as number] === scores[order[i] as number]) j++;
    // ranks i+1..j share their mean
    const rank = (i + 1 + j) / 2;
    for (let k = i; k < j; k++)
      if (positive[order[k] as number]) {
        rankSum += rank;
        positives++;
      }
    i = j;
  }
  const negatives = n - positives;
  return positives === 0 || negatives === 0
    ? NaN
    : (rankSum - (positives * (positives + 1)) / 2) / (positives * negatives);
}

/**
 * Mean of −ln p(true class), p clipped to [1e-15, 1]; with class weights the mean is weighted by the weight of each row's class. `probabilities` is [N, classes] in row-major
 * order.
 */
export function logLoss(truth: Numbers, probabilities: Numbers, classes: number, classWeights?: Numbers): number {
  const n = truth.length;
  if (probabilities.length !== n * classes || n === 0)
    throw new StrataError('invalid_input', `${n} rows of ${classes} classes need ${n * classes} probabilities`);
  let sum = 0;
  let total = 0;
  for (let i = 0; i < n; i++) {
    const t = truth[i] as number;
    const weight = classWeights ? (classWeights[t] as number) : 1;
    sum -= weight * Math.log(Math.min(1, Math.max(1e-15, probabilities[i * classes + t] as number)));
    total += weight;
  }
  return sum / total;
}

/** √ mean (y − ŷ)² */
export function rmse(truth: Numbers, predicted: Numbers): number {
  const n = sameLength(truth, predicted);
  let sum = 0;
  for (let i = 0; i < n; i++) sum += ((truth[i] as number) - (predicted[i] as number)) ** 2;
  return Math.sqrt(sum / n);
}

/** mean |y − ŷ| */
export function mae(truth: Numbers, predicted: Numbers): number {
  const n = sameLength(truth, predicted);
  let sum = 0;
  for (let i = 0; i < n; i++) sum += Math.abs((truth[i] as number) - (predicted[i] as number));
  return sum / n;
}

/** 1 − Σ(y − ŷ)² / Σ(y − ȳ)². A constant truth gives 1 when it was met exactly, else 0 (as scikit-learn). */
export function r2(truth: Numbers, predicted: Numbers): number {
  const n = sameLength(truth, predicted);
  let sum = 0;
  for (let i = 0; i < n; i++) sum += truth[i] as number;
  const centre = sum / n;
  let residual = 0;
  let total = 0;
  for (let i = 0; i < n; i++) {
    residual += ((truth[i] as number) - (predicted[i] as number)) ** 2;
    total += ((truth[i] as number) - centre) ** 2;
  }
  if (total === 0) return residual === 0 ? 1 : 0;
  return 1 - residual / total;
}

/** Index of the largest value of each row of [N, classes]; the first of equals. */
export function argmaxRows(values: Numbers, classes: number): Int32Array {
  const n = values.length / classes;
  const out = new Int32Array(n);
  for (let i = 0; i < n; i++) {
    let best = 0;
    for (let c = 1; c < classes; c++)
      if ((values[i * classes + c] as number) > (values[i * classes + best] as number)) best = c;
    out[i] = best;
  }
  return out;
}

/**
 * The figures that Strata reports for a classifier. AUC is of class 1 for two classes, else the mean of one against the
 * rest over the classes that occur.
 * @param truth class indices [N]
 * @param probabilities [N, classes] row-major
 */
export function classificationMetrics(
  truth: Numbers,
  probabilities: Numbers,
  classes: number,
): Record<'accuracy' | 'macro_f1' | 'macro_precision' | 'macro_recall' | 'log_loss' | 'auc', number> {
  const predicted = argmaxRows(probabilities, classes);
  const scores = occurring(confusionMatrix(truth, predicted, classes));
  const aucOf = (c: number): number =>
    auc(
      Array.from(truth, (t) => t === c),
      Array.from(truth, (_, i) => probabilities[i * classes + c] as number),
    );
  const areas = (classes === 2 ? [1] : Array.from({ length: classes }, (_, c) => c))
    .map(aucOf)
    .filter((a) => !Number.isNaN(a));
  return {
    accuracy: accuracy(truth, predicted),
    macro_f1: mean(scores.map((s) => s.f1)),
    macro_precision: mean(scores.map((s) => s.precision)),
    macro_recall: mean(scores.map((s) => s.recall)),
    log_loss: logLoss(truth, probabilities, classes),
    auc: areas.length ? mean(areas) : NaN,
  };
}

/** The figures that Strata reports for a regressor. */
export function regressionMetrics(truth: Numbers, predicted: Numbers): Record<'rmse' | 'mae' | 'r2', number> {
  return { rmse: rmse(truth, predicted), mae: mae(truth, predicted), r2: r2(truth, predicted) };
}
