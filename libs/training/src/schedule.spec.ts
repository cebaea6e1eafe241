import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { schedule, type ScheduleOptions } from './schedule.js';

// by tools/fixtures/pytorch_optimizers.py: 50 rates of each of PyTorch's schedulers over a rate of 0.3
const { schedules } = JSON.parse(
  readFileSync(new URL('./fixtures/pytorch-optimizers.json', import.meta.url), 'utf8'),
) as { schedules: Readonly<Record<string, readonly number[]>> };
const learningRate = 0.3;
const CASES: readonly (readonly [string, ScheduleOptions])[] = [
  ['step', { kind: 'step', learningRate, stepSize: 7, gamma: 0.6 }],
  ['multistep', { kind: 'multistep', learningRate, milestones: [5, 20, 21], gamma: 0.3 }],
  ['cosine', { kind: 'cosine', learningRate, endFactor: 0.1 }],
  ['cosine_warm', { kind: 'cosine', learningRate, warmupSteps: 10 }],
  ['cosine_restarts', { kind: 'cosine_restarts', learningRate, period: 6, periodFactor: 2, endFactor: 0.05 }],
  ['linear', { kind: 'linear', learningRate, endFactor: 0.2 }],
  ['linear_warm', { kind: 'linear', learningRate, warmupSteps: 10 }],
  ['polynomial', { kind: 'polynomial', learningRate, power: 2.5 }],
  ['one_cycle', { kind: 'one_cycle', learningRate }],
  [
    'one_cycle_linear',
    { kind: 'one_cycle', learningRate, peakAt: 0.2, divFactor: 10, finalDivFactor: 100, shape: 'linear' },
  ],
];

describe('schedules of PyTorch', () => {
  it('covers the fixture', () => expect(CASES.map(([n]) => n)).toEqual(Object.keys(schedules)));
  it.each(CASES)('%s', (name, options) => {
    const rate = schedule(options);
    schedules[name]?.forEach((expected, step) => expect(Math.abs(rate(step, 50) - expected)).toBeLessThan(1e-12));
  });
});

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
    expect(() => schedule({ kind: 'step', learningRate: 1, stepSize: 0 })).toThrow(/1 or more, not 0/);
    expect(() => schedule({ kind: 'one_cycle', learningRate: 1, peakAt: 2 })).toThrow(/between 0 and 1/);
  });
});
