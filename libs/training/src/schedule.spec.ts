import { describe, expect, it } from '@jest/globals';
import { schedule } from './schedule.js';

describe('schedule', () => {
  it('constant after a warm-up of four steps', () => {
    const s = schedule({ kind: 'constant', learningRate: 0.1, warmupSteps: 4 });
    expect([0, 1, 2, 3, 4, 50].map((i) => s(i, 100))).toEqual([0.025, 0.05, (0.1 * 3) / 4, 0.1, 0.1, 0.1]);
  });
  it('linear falls to the end factor', () => {
    const s = schedule({ kind: 'linear', learningRate: 1, endFactor: 0.2 });
    expect(s(0, 5)).toBe(1);
    expect(s(2, 5)).toBeCloseTo(0.6, 12);
    expect(s(4, 5)).toBeCloseTo(0.2, 12);
  });
  it('cosine: half way at the middle, zero at the end, and stays there', () => {
    const s = schedule({ kind: 'cosine', learningRate: 2 });
    expect(s(0, 11)).toBe(2);
    expect(s(5, 11)).toBeCloseTo(1, 12);
    expect(s(10, 11)).toBeCloseTo(0, 12);
    expect(s(15, 11)).toBeCloseTo(0, 12);
  });
  it('cosine after a warm-up starts from the full rate', () => {
    const s = schedule({ kind: 'cosine', learningRate: 1, warmupSteps: 10 });
    expect(s(9, 31)).toBe(1);
    expect(s(10, 31)).toBe(1);
    expect(s(20, 31)).toBeCloseTo(0.5, 12);
  });
  it('refuses a rate that is not positive', () => {
    expect(() => schedule({ kind: 'constant', learningRate: 0 })).toThrow(/positive number, not 0/);
    expect(() => schedule({ kind: 'constant', learningRate: NaN })).toThrow(/positive number/);
  });
});
