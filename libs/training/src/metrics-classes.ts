import { StrataError } from '@strata/kernel';
import { precisionRecallF1, type Numbers } from './metrics.js';

type Matrix = readonly (readonly number[])[];

/**
 * How the scores of classes become one: `macro` is their mean over the classes that occur in truth or prediction, `weighted` their mean weighted by the rows of each class, `micro` counts
 * all rows together.
 */
export type Average = 'micro' | 'macro' | 'weighted';

const sum = (xs: readonly number[]): number => xs.reduce((a, b) => a + b, 0);
const column = (matrix: Matrix, c: number): number => sum(matrix.map((row) => row[c] as number));
const diagonal = (matrix: Matrix): number => sum(matrix.map((row, c) => row[c] as number));
const total = (matrix: Matrix): number => sum(matrix.map(sum));

/**
 * Precision, recall and F1 of all classes from a confusion matrix (rows: truth), as scikit-learn's `precision_score`, `recall_score` and `f1_score` with `average` and `zero_division=0`.
 */
export function averagedScores(matrix: Matrix, average: Average): Record<'precision' | 'recall' | 'f1', number> {
  if (average === 'micro') {
    // each row has one truth and one prediction, so all three are the accuracy
    const share = diagonal(matrix) / total(matrix);
    return { precision: share, recall: share, f1: share };
  }
  const scores = precisionRecallF1(matrix);
  const weights = scores.map((s, c) =>
    average === 'weighted' ? s.support : s.support > 0 || column(matrix, c) > 0 ? 1 : 0,
  );
  const all = sum(weights);
  const of = (key: 'precision' | 'recall' | 'f1'): number =>
    sum(scores.map((s, c) => (s[key] * (weights[c] as number)) / all));
  return { precision: of('precision'), recall: of('recall'), f1: of('f1') };
}

/**
 * Matthews correlation coefficient of any number of classes (Gorodkin 2004), as scikit-learn's `matthews_corrcoef`: 1 for perfect, 0 for no better than chance, also where it is not defined.
 */
export function matthews(matrix: Matrix): number {
  const n = total(matrix);
  const truth = matrix.map(sum);
  const predicted = matrix.map((_, c) => column(matrix, c));
  const dot = (a: readonly number[], b: readonly number[]): number => sum(a.map((x, i) => x * (b[i] as number)));
  const covariance = diagonal(matrix) * n - dot(truth, predicted);
  const deviation = Math.sqrt(n * n - dot(predicted, predicted)) * Math.sqrt(n * n - dot(truth, truth));
  return deviation === 0 ? 0 : covariance / deviation;
}

/**
 * Mean over the classes that occur of the intersection over union TP / (TP + FP + FN), scikit-learn's `jaccard_score` with `average='macro'`: of pixels, for segmentation.
 */
export function meanIoU(matrix: Matrix): number {
  const each = matrix.flatMap((row, c) => {
    const union = sum(row) + column(matrix, c) - (row[c] as number);
    return union === 0 ? [] : [(row[c] as number) / union];
  });
  return sum(each) / each.length;
}

/**
 * Share of rows whose class is among the k with the highest scores, as scikit-learn's `top_k_accuracy_score`. Of equal scores the higher class index counts as higher.
 * @param scores [N, classes] row-major
 */
export function topKAccuracy(truth: Numbers, scores: Numbers, classes: number, k: number): number {
  const n = truth.length;
  if (n === 0 || scores.length !== n * classes)
    throw new StrataError('invalid_input', `${n} rows of ${classes} classes need ${n * classes} scores`);
  let hits = 0;
  for (let i = 0; i < n; i++) {
    const own = truth[i] as number;
    const score = scores[i * classes + own] as number;
    let above = 0;
    for (let c = 0; c < classes; c++) {
      const s = scores[i * classes + c] as number;
      if (s > score || (s === score && c > own)) above++;
    }
    if (above < k) hits++;
  }
  return hits / n;
}

/**
 * Area under the precision-recall curve as scikit-learn's `average_precision_score` defines it: Σ (R_n - R_{n-1}) P_n over the thresholds, without interpolation. NaN without a positive row.
 * @param positive 1 or true for positive rows
 */
export function averagePrecision(positive: ArrayLike<number | boolean>, scores: Numbers): number {
  const n = positive.length;
  if (n === 0 || scores.length !== n)
    throw new StrataError('invalid_input', `${n} true values cannot be compared with ${scores.length} scores`);
  const order = Uint32Array.from({ length: n }, (_, i) => i).sort(
    (a, b) => (scores[b] as number) - (scores[a] as number),
  );
  const all = sum(Array.from(positive, (p) => (p ? 1 : 0)));
  let hits = 0;
  let area = 0;
  for (let i = 0; i < n;) {
    const threshold = scores[order[i] as number];
    const before = hits;
    while (i < n && scores[order[i] as number] === threshold) if (positive[order[i++] as number]) hits++;
    area += ((hits - before) / all) * (hits / i);
  }
  return all === 0 ? NaN : area;
}

/** e to the mean cost of a token in nats: as uncertain as a choice among that many. */
export const perplexity = (meanCost: number): number => Math.exp(meanCost);
