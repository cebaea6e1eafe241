import { createRng } from '@strata/kernel';
import { describe, expect, it } from '@jest/globals';
import { createOrder } from './batch-order.js';
import { lengthBuckets } from './length-buckets.js';

const rng = createRng(3);
/** Mostly short, as texts are. */
const lengths = Array.from({ length: 500 }, () => 1 + Math.floor(63 * rng.next() ** 3));
const long = Math.max(...lengths);

describe('length buckets', () => {
  it('pad every row to the least limit that holds it, the last limit being the longest row', () => {
    const { limits, padded, of } = lengthBuckets(lengths, { batchSize: 8, epochs: 20 });
    expect(limits.length).toBeGreaterThan(1);
    expect(limits.at(-1)).toBe(long);
    expect([...limits]).toEqual([...limits].sort((a, b) => a - b));
    lengths.forEach((n, i) => expect(padded[i]).toBe(limits.find((l) => l >= n)));
    const rows = Int32Array.of(1, 5, 9);
    expect(of(rows)).toBe(Math.max(...[...rows].map((r) => padded[r] as number)));
  });

  it('are the cheapest of all choices', () => {
    const few = lengths.filter((n) => n <= 24);
    const most = Math.max(...few);
    const places = [4, 8, 12, 16, 20, most];
    for (const [batchSize, epochs] of [
      [32, 1],
      [8, 4],
      [8, 100],
    ] as const) {
      // steps × length of all batches, and what opening a graph of that length costs in such steps
      const cost = (limits: readonly number[]): number =>
        few.reduce((sum, n) => sum + ((limits.find((l) => l >= n) ?? NaN) * epochs) / batchSize, 0) +
        30 * limits.reduce((a, b) => a + b, 0);
      const all = Array.from({ length: 32 }, (_, set) => places.filter((_p, i) => i === 5 || (set >> i) & 1));
      const { limits } = lengthBuckets(few, { batchSize, epochs });
      expect(cost(limits)).toBeCloseTo(Math.min(...all.map(cost)), 6);
    }
  });

  it('are one for a short training, and no more than asked for in a long one', () => {
    expect(lengthBuckets(lengths.slice(0, 100), { batchSize: 64, epochs: 1 }).limits).toHaveLength(1);
    expect(lengthBuckets(lengths, { batchSize: 1, epochs: 1000 }).limits).toHaveLength(6);
    expect(lengthBuckets(lengths, { batchSize: 1, epochs: 1000, most: 3 }).limits).toHaveLength(3);
    // rows without anything are padded to one element
    expect(lengthBuckets([0, 0], { batchSize: 1, epochs: 1 })).toMatchObject({
      limits: [1],
      padded: Int32Array.of(1, 1),
    });
  });

  it('fill the batches of an epoch: as many as without, each row once, and few of two limits', () => {
    const { limits, padded } = lengthBuckets(lengths, { batchSize: 8, epochs: 20 });
    const order = createOrder(500, createRng(1), { batchSize: 8, lengths: padded, pool: Infinity });
    expect(order.perEpoch).toBe(63);
    for (const epoch of [0, 1]) {
      const batches = order.epoch(epoch);
      expect(batches.flatMap((b) => [...b]).sort((a, b) => a - b)).toEqual(lengths.map((_, i) => i));
      const mixed = batches.filter((b) => new Set([...b].map((r) => padded[r])).size > 1);
      expect(mixed.length).toBeLessThan(limits.length);
    }
    const first = (epoch: number): number[] => [...(order.epoch(epoch)[0] as Int32Array)];
    expect(first(0)).not.toEqual(first(1));
  });
});
