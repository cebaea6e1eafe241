import { describe, expect, it } from '@jest/globals';
import { tokenBucket } from './token-bucket.js';

describe('a token bucket', () => {
  it('lets a burst through, then as many as flow in', () => {
    const bucket = tokenBucket(10, 3);
    expect([0, 0, 0].map((t) => bucket.take(t))).toEqual([0, 0, 0]);
    expect(bucket.take(0)).toBe(100);
    expect(bucket.take(50)).toBe(50);
    expect(bucket.take(100)).toBe(0);
    expect(bucket.take(100)).toBe(100);
  });

  it('never holds more than the burst', () => {
    const bucket = tokenBucket(1000, 2);
    bucket.take(0);
    expect([bucket.take(60_000), bucket.take(60_000)]).toEqual([0, 0]);
    expect(bucket.take(60_000)).toBeGreaterThan(0);
  });
});
