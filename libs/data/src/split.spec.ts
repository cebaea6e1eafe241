import { describe, expect, it } from '@jest/globals';
import { createRng } from '@strata/kernel';
import { batchIndices, kFold, trainTestSplit } from './split.js';

const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i);
const labels = range(1000).map((i) => (i % 10 === 0 ? 'rare' : i % 3 ? 'a' : 'b'));
const share = (rows: Int32Array, label: string): number =>
  [...rows].filter((r) => labels[r] === label).length / rows.length;

describe('trainTestSplit', () => {
  it('is a partition of the asked-for size, in file order, the same for the same seed', () => {
    const s = trainTestSplit(1000, { testFraction: 0.2, seed: 7 });
    expect(s.test).toHaveLength(200);
    expect([...s.train, ...s.test].sort((a, b) => a - b)).toEqual(range(1000));
    expect([...s.test]).toEqual([...s.test].sort((a, b) => a - b));
    expect(trainTestSplit(1000, { testFraction: 0.2, seed: 7 })).toEqual(s);
    expect(trainTestSplit(1000, { testFraction: 0.2, seed: 8 }).test).not.toEqual(s.test);
  });
  it('keeps the share of each class', () => {
    const s = trainTestSplit(1000, { testFraction: 0.25, seed: 1, labels });
    for (const l of ['rare', 'a', 'b']) expect(share(s.test, l)).toBeCloseTo(share(s.train, l), 2);
    expect(s.test).toHaveLength(250);
  });
  it('leaves a class of one row to the training part; many classes of two still give their share', () => {
    const many = range(100).map((i) => (i < 60 ? `c${i >> 1}` : `only${i}`));
    const s = trainTestSplit(100, { testFraction: 0.2, seed: 3, labels: many });
    expect([...s.test].every((r) => r < 60)).toBe(true);
    expect(s.test).toHaveLength(12);
  });
  it('refuses to leave a part empty', () => {
    expect(() => trainTestSplit(1, { testFraction: 0.5, seed: 1 })).toThrow(/one part would be empty/);
    expect(() => trainTestSplit(3, { testFraction: 0.01, seed: 1 })).toThrow(/one part would be empty/);
  });
});

describe('kFold', () => {
  it('tests each row once, in folds of equal size and equal classes', () => {
    const folds = kFold(1000, { folds: 5, seed: 2, labels });
    expect(folds.flatMap((f) => [...f.test]).sort((a, b) => a - b)).toEqual(range(1000));
    for (const f of folds) {
      expect(f.test).toHaveLength(200);
      expect(f.train).toHaveLength(800);
      expect(share(f.test, 'rare')).toBeCloseTo(0.1, 2);
    }
    expect(kFold(1000, { folds: 5, seed: 2, labels })).toEqual(folds);
  });
  it('refuses fewer rows than folds', () => {
    expect(() => kFold(3, { folds: 5, seed: 1 })).toThrow(/cannot be split into 5 folds/);
  });
});

describe('batchIndices', () => {
  it('covers all rows once, in order or shuffled by the generator', () => {
    expect([...batchIndices(5, 2)].map((b) => [...b])).toEqual([[0, 1], [2, 3], [4]]);
    const rows = Int32Array.of(9, 8, 7);
    const shuffled = [...batchIndices(rows, 2, createRng(1))].flatMap((b) => [...b]);
    expect(shuffled.sort()).toEqual([7, 8, 9]);
    expect(rows).toEqual(Int32Array.of(9, 8, 7));
  });
});
