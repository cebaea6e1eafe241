import { describe, expect, it } from '@jest/globals';
import {
  accuracy,
  argmaxRows,
  auc,
  classificationMetrics,
  confusionMatrix,
  f1,
  logLoss,
  mae,
  precisionRecallF1,
  r2,
  rmse,
} from './metrics.js';

// three classes, eight rows; every expected value below was worked out by hand from this table
const truth = [0, 0, 0, 1, 1, 2, 2, 2];
const predicted = [0, 0, 1, 1, 2, 2, 2, 0];

describe('classification', () => {
  it('accuracy counts hits, of indices and of names', () => {
    expect(accuracy(truth, predicted)).toBe(5 / 8);
    expect(accuracy(['a', 'b'], ['a', 'c'])).toBe(0.5);
  });
  it('confusion matrix has truth in rows', () => {
    expect(confusionMatrix(truth, predicted, 3)).toEqual([
      [2, 1, 0],
      [0, 1, 1],
      [1, 0, 2],
    ]);
  });
  it('precision, recall and F1 of each class', () => {
    const scores = precisionRecallF1(confusionMatrix(truth, predicted, 3));
    expect(scores[0]).toEqual({ precision: 2 / 3, recall: 2 / 3, f1: 2 / 3, support: 3 });
    expect(scores[1]).toEqual({ precision: 1 / 2, recall: 1 / 2, f1: 1 / 2, support: 2 });
    expect(scores[2]).toEqual({ precision: 2 / 3, recall: 2 / 3, f1: 2 / 3, support: 3 });
    expect(f1(truth, predicted, 3)).toBeCloseTo((2 / 3 + 1 / 2 + 2 / 3) / 3, 12);
  });
  it('a class that never occurs does not count, one that is never found counts as 0', () => {
    expect(f1([0, 0], [0, 0], 3)).toBe(1);
    expect(f1([0, 1], [0, 0], 2)).toBeCloseTo((2 / 3 + 0) / 2, 12);
  });
  it('AUC: share of ordered pairs, ties one half', () => {
    // pairs (positive, negative): (.8,.4) yes, (.8,.35) yes, (.35,.4) no, (.35,.35) tie -> 2.5 of 4
    expect(auc([0, 0, 1, 1], [0.4, 0.35, 0.35, 0.8])).toBe(2.5 / 4);
    // the example of scikit-learn's documentation: 0.75
    expect(auc([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])).toBe(0.75);
    expect(auc([1, 1], [0.1, 0.4])).toBeNaN();
  });
  it('log loss is the mean negative log likelihood', () => {
    expect(logLoss([1, 0], [0.25, 0.75, 0.5, 0.5], 2)).toBeCloseTo((Math.log(4 / 3) + Math.log(2)) / 2, 12);
    // weights 1 and 3: (3 ln 4/3 + ln 2) / 4
    expect(logLoss([1, 0], [0.25, 0.75, 0.5, 0.5], 2, [1, 3])).toBeCloseTo((3 * Math.log(4 / 3) + Math.log(2)) / 4, 12);
    expect(logLoss([1], [1, 0], 2)).toBeCloseTo(-Math.log(1e-15), 9);
  });
  it('argmax takes the first of equals', () => {
    expect([...argmaxRows([0.5, 0.5, 0.1, 0.9], 2)]).toEqual([0, 1]);
  });
  it('all of them together', () => {
    const m = classificationMetrics([0, 0, 1, 1], [0.9, 0.1, 0.6, 0.4, 0.65, 0.35, 0.2, 0.8], 2);
    expect(m.accuracy).toBe(0.75);
    expect(m.auc).toBe(0.75);
    expect(m.macro_f1).toBeCloseTo((0.8 + 2 / 3) / 2, 12);
    expect(m.macro_precision).toBeCloseTo((2 / 3 + 1) / 2, 12);
    expect(m.macro_recall).toBeCloseTo((1 + 0.5) / 2, 12);
    expect(m.log_loss).toBeCloseTo(-(Math.log(0.9) + Math.log(0.6) + Math.log(0.35) + Math.log(0.8)) / 4, 12);
  });
  it('refuses what cannot be compared', () => {
    expect(() => accuracy([1], [1, 2])).toThrow(/1 true values cannot be compared with 2/);
    expect(() => accuracy([], [])).toThrow(/at least one row/);
    expect(() => confusionMatrix([3], [0], 3)).toThrow(/row 1/);
  });
});

describe('regression', () => {
  // errors 0.5, -0.5, 0, -1: squares sum to 1.5; mean of truth 2.875, squared deviations sum to 29.1875
  const y = [3, -0.5, 2, 7];
  const p = [2.5, 0, 2, 8];
  it('RMSE, MAE and R2', () => {
    expect(rmse(y, p)).toBeCloseTo(Math.sqrt(1.5 / 4), 12);
    expect(mae(y, p)).toBe(0.5);
    expect(r2(y, p)).toBeCloseTo(1 - 1.5 / 29.1875, 12);
  });
  it('R2 of a constant truth', () => {
    expect(r2([1, 1], [1, 1])).toBe(1);
    expect(r2([1, 1], [1, 2])).toBe(0);
  });
});
