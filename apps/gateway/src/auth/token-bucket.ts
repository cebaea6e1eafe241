/**
 * Token bucket: holds `burst` tokens at most, gains `perSecond` each second, a request takes one. Time is given in milliseconds of a
 * monotonic clock.
 */
export interface TokenBucket {
  /** Takes a token; returns 0, or the milliseconds until there will be one. */
  take(now: number): number;
}

export function tokenBucket(perSecond: number, burst: number): TokenBucket {
  let tokens = burst;
  let last: number | undefined;
  return {
    take(now) {
      tokens = Math.min(burst, tokens + ((now - (last ?? now)) / 1000) * perSecond);
      last = now;
      if (tokens < 1) return Math.ceil(((1 - tokens) / perSecond) * 1000);
      tokens -= 1;
      return 0;
    },
  };
}
