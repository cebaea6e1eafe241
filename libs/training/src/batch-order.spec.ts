import { createRng } from '@strata/kernel';
import { describe, expect, it } from '@jest/globals';
import { createOrder, type OrderOptions } from './batch-order.js';

const lengths = Array.from({ length: 103 }, (_, i) => 1 + ((i * 37) % 50));
const order = (options: Partial<OrderOptions>, rows = 103, seed = 1) =>
  createOrder(rows, createRng(seed), { batchSize: 8, ...options });
const rowsOf = (batches: readonly Int32Array[]): number[] => batches.flatMap((b) => [...b]);
const sorted = (x: readonly number[]): number[] => [...x].sort((a, b) => a - b);
const all = Array.from({ length: 103 }, (_, i) => i);
/** Share of padding among all elements. */
const padding = (batches: readonly Int32Array[]): number => {
  const of = (b: Int32Array) => [...b].map((r) => lengths[r] as number);
  const padded = batches.reduce((n, b) => n + b.length * Math.max(...of(b)), 0);
  return 1 - batches.flatMap(of).reduce((a, b) => a + b, 0) / padded;
};

describe('order of batches', () => {
  it('takes each row once in an epoch, in another order each time', () => {
    const o = order({});
    expect(o.perEpoch).toBe(13);
    expect(sorted(rowsOf(o.epoch(0)))).toEqual(all);
    expect(sorted(rowsOf(o.epoch(5)))).toEqual(all);
    expect(rowsOf(o.epoch(0))).not.toEqual(rowsOf(o.epoch(1)));
    expect(rowsOf(order({ shuffle: false }).epoch(4))).toEqual(all);
  });

  it.each<[string, Partial<OrderOptions>]>([
    ['plain', {}],
    ['by length', { lengths }],
    ['by tokens', { lengths, tokensPerBatch: 100 }],
    ['by class', { classes: all.map((i) => (i < 10 ? 1 : 0)) }],
  ])('%s: a function of seed and epoch alone, of one number of batches', (_, options) => {
    const one = order(options);
    const later = order(options).epoch(3);
    for (const e of [0, 1, 2, 3]) expect(one.epoch(e)).toHaveLength(one.perEpoch);
    expect(one.epoch(3)).toEqual(later);
    expect(order(options, 103, 2).epoch(3)).not.toEqual(later);
  });

  it('leaves out what does not fill a batch', () => {
    const o = order({ dropLast: true });
    expect(o.perEpoch).toBe(12);
    expect(o.epoch(0).every((b) => b.length === 8)).toBe(true);
    expect(new Set([...rowsOf(o.epoch(0)), ...rowsOf(o.epoch(1)), ...rowsOf(o.epoch(2))]).size).toBe(103);
    // by length too: not the longest rows each time
    const sortedByLength = order({ dropLast: true, lengths, pool: Infinity });
    expect(sortedByLength.perEpoch).toBe(12);
    expect(new Set([0, 1, 2, 3].flatMap((e) => rowsOf(sortedByLength.epoch(e)))).size).toBe(103);
    expect(() => order({ dropLast: true }, 7)).toThrow('do not fill one batch');
  });

  it('brings rows of like length together', () => {
    const o = order({ lengths });
    for (const e of [0, 1]) {
      expect(sorted(rowsOf(o.epoch(e)))).toEqual(all);
      expect(padding(o.epoch(e))).toBeLessThan(0.2 * padding(order({}).epoch(e)));
    }
    // but not in order of length: the longest batch does not always come last
    const longest = (e: number) =>
      o.epoch(e).findIndex((b) => Math.max(...[...b].map((r) => lengths[r] as number)) === 50);
    expect(new Set([0, 1, 2, 3].map(longest)).size).toBeGreaterThan(1);
    expect(padding(order({ lengths, pool: 3 }).epoch(0))).toBeGreaterThan(padding(o.epoch(0)));
  });

  it('keeps batches within a budget of tokens', () => {
    const o = order({ lengths, tokensPerBatch: 100, batchSize: 40 });
    for (const b of o.epoch(1))
      expect(b.length * Math.max(...[...b].map((r) => lengths[r] as number))).toBeLessThan(101);
    expect(sorted(rowsOf(o.epoch(1)))).toEqual(all);
    expect(
      order({ lengths, tokensPerBatch: 10 })
        .epoch(0)
        .every((b) => b.length >= 1),
    ).toBe(true);
    expect(() => order({ tokensPerBatch: 100 })).toThrow('needs the lengths');
  });

  it('draws classes equally often', () => {
    const classes = all.map((i) => (i < 10 ? 1 : i < 30 ? 2 : 0));
    const drawn = rowsOf(order({ classes }).epoch(0));
    const counts = [0, 1, 2].map((c) => drawn.filter((r) => classes[r] === c).length);
    expect(sorted(counts)).toEqual([34, 34, 35]);
    // a small class is gone through again and again, a large one not
    expect(new Set(drawn.filter((r) => classes[r] === 1)).size).toBe(10);
    expect(new Set(drawn.filter((r) => classes[r] === 0)).size).toBe(counts[0]);
  });
});
