import { describe, expect, it } from '@jest/globals';
import type { Tensor } from '@strata/runtime';
import { averagedScores, averagePrecision, matthews, meanIoU, perplexity, topKAccuracy } from './metrics-classes.js';
import { confusionMatrix } from './metrics.js';
import { streamConfusion, streamMeans } from './streams.js';

// examples of scikit-learn's documentation, and tables small enough to work out by hand

describe('averages over classes', () => {
  const matrix = confusionMatrix([0, 1, 2, 0, 1, 2], [0, 2, 1, 0, 0, 1], 3);
  it.each([
    ['macro', { precision: 2 / 9, recall: 1 / 3, f1: 0.8 / 3 }],
    ['micro', { precision: 1 / 3, recall: 1 / 3, f1: 1 / 3 }],
    ['weighted', { precision: 2 / 9, recall: 1 / 3, f1: 0.8 / 3 }],
  ] as const)('%s', (average, expected) => {
    const scores = averagedScores(matrix, average);
    for (const key of ['precision', 'recall', 'f1'] as const) expect(scores[key]).toBeCloseTo(expected[key], 12);
  });

  it('weigh classes by their rows, and leave out what does not occur', () => {
    // class 0: P 1, R 3/4, F 6/7; class 1: P 1/2, R 1, F 2/3; class 2 nowhere
    const uneven = confusionMatrix([0, 0, 0, 0, 1], [0, 0, 0, 1, 1], 3);
    expect(averagedScores(uneven, 'macro').f1).toBeCloseTo((6 / 7 + 2 / 3) / 2, 12);
    expect(averagedScores(uneven, 'weighted').f1).toBeCloseTo((4 * (6 / 7) + 2 / 3) / 5, 12);
    expect(averagedScores(uneven, 'weighted').recall).toBeCloseTo(0.8, 12);
  });
});

describe('scores of classifiers', () => {
  it('Matthews correlation', () => {
    expect(matthews(confusionMatrix([1, 1, 1, 0], [1, 0, 1, 1], 2))).toBeCloseTo(-1 / 3, 12);
    expect(matthews(confusionMatrix([0, 1, 2], [0, 1, 2], 3))).toBeCloseTo(1, 12);
    expect(matthews(confusionMatrix([0, 1, 0, 1], [1, 1, 1, 1], 2))).toBe(0);
    // three classes: c = 5 right of s = 8, t = p = [3, 2, 3]: (5·8 - 22) / (64 - 22)
    expect(matthews(confusionMatrix([0, 0, 0, 1, 1, 2, 2, 2], [0, 0, 1, 1, 2, 2, 2, 0], 3))).toBeCloseTo(18 / 42, 12);
  });

  it('mean intersection over union', () => {
    expect(meanIoU(confusionMatrix([0, 0, 0, 1, 1, 2, 2, 2], [0, 0, 1, 1, 2, 2, 2, 0], 4))).toBeCloseTo(
      (2 / 4 + 1 / 3 + 2 / 4) / 3,
      12,
    );
  });

  it('top-k accuracy', () => {
    const scores = [0.5, 0.2, 0.2, 0.3, 0.4, 0.2, 0.2, 0.4, 0.3, 0.7, 0.2, 0.1];
    expect(topKAccuracy([0, 1, 2, 2], scores, 3, 2)).toBe(0.75);
    expect(topKAccuracy([0, 1, 2, 2], scores, 3, 1)).toBe(0.5);
    expect(topKAccuracy([0, 1, 2, 2], scores, 3, 3)).toBe(1);
    // of equals the higher index comes first
    expect(topKAccuracy([0, 1], [1, 1, 1, 1], 2, 1)).toBe(0.5);
    expect(() => topKAccuracy([0], scores, 3, 1)).toThrow('need 3 scores');
  });

  it('average precision', () => {
    expect(averagePrecision([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])).toBeCloseTo(5 / 6, 12);
    // equal scores are one threshold: precision 1/2 at recall 1
    expect(averagePrecision([1, 0, 1, 0], [0.5, 0.5, 0.5, 0.5])).toBe(0.5);
    expect(averagePrecision([0, 0], [1, 2])).toBeNaN();
    expect(() => averagePrecision([0], [1, 2])).toThrow('cannot be compared');
  });

  it('perplexity of a uniform guess is the number of choices', () => {
    expect(perplexity(Math.log(64))).toBeCloseTo(64, 9);
  });
});

describe('streams', () => {
  const floats = (...values: number[]): Tensor => ({
    dtype: 'float32',
    dims: [values.length],
    data: Float32Array.from(values),
  });
  const rows = (...r: number[]) => Int32Array.from(r);

  it('means weigh batches by what they count', () => {
    const begin = streamMeans({ valid_loss: { sum: 'costs', count: 'counted' }, mean: { sum: 'costs' } });
    const s = begin();
    s.add({ costs: floats(1, 2, 0), counted: floats(1, 1, 0) }, rows(0, 1, 2));
    s.add({ costs: floats(6), counted: floats(1) }, rows(3));
    expect(s.end()).toEqual({ valid_loss: 3, mean: 9 / 4 });
    // another pass begins from nothing
    expect(begin().end()).toEqual({ valid_loss: NaN, mean: NaN });
    expect(() => begin().add({}, rows(0))).toThrow('"costs" must hold numbers');
  });

  it('confusion of scores and of indices, without what is not labelled', () => {
    const truth = [
      [0, 1],
      [-1, 1],
    ];
    const begin = streamConfusion(
      'out',
      2,
      (r) => [...r].flatMap((i) => truth[i] as number[]),
      (m) => ({ right: (m[0]?.[0] ?? 0) + (m[1]?.[1] ?? 0), all: m.flat().reduce((a, b) => a + b) }),
    );
    const scores = begin();
    scores.add({ out: floats(0.9, 0.1, 0.8, 0.2) }, rows(0));
    scores.add({ out: floats(0.9, 0.1, 0.2, 0.8) }, rows(1));
    expect(scores.end()).toEqual({ right: 2, all: 3 });
    const indices = begin();
    indices.add({ out: { dtype: 'int64', dims: [2, 2], data: BigInt64Array.of(0n, 1n, 1n, 0n) } }, rows(0, 1));
    expect(indices.end()).toEqual({ right: 2, all: 3 });
    expect(() => begin().add({ out: floats(5, 0) }, rows(0))).toThrow('not below 2');
  });
});
