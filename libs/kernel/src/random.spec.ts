import { describe, expect, it } from '@jest/globals';
import { createRng } from './random.js';

const draw = (n: number, f: () => number): number[] => Array.from({ length: n }, f);

describe('createRng', () => {
  it('gives the same stream for the same seed and another for another', () => {
    const a = createRng(7);
    const b = createRng(7);
    const c = createRng(8);
    const first = draw(100, a.next);
    expect(draw(100, b.next)).toEqual(first);
    expect(draw(100, c.next)).not.toEqual(first);
  });

  it('goes on from a stored state as if it had never stopped, also after JSON', () => {
    const a = createRng(1);
    draw(13, a.next);
    const state = JSON.parse(JSON.stringify(a.getState())) as ReturnType<typeof a.getState>;
    const rest = draw(50, a.normal);
    const b = createRng(99);
    b.setState(state);
    expect(draw(50, b.normal)).toEqual(rest);
  });

  it('is uniform: each tenth of [0, 1) holds a tenth of the draws within five standard deviations', () => {
    const rng = createRng(3);
    const n = 100_000;
    const counts = new Array<number>(10).fill(0);
    for (let i = 0; i < n; i++) counts[Math.floor(rng.next() * 10)]!++;
    const sigma = Math.sqrt(n * 0.1 * 0.9);
    for (const c of counts) expect(Math.abs(c - n / 10)).toBeLessThan(5 * sigma);
  });

  it('has the moments of the standard normal distribution', () => {
    const rng = createRng(5);
    const xs = draw(100_000, rng.normal);
    const moment = (k: number): number => xs.reduce((s, x) => s + x ** k, 0) / xs.length;
    expect(moment(1)).toBeCloseTo(0, 1);
    expect(moment(2)).toBeCloseTo(1, 1);
    expect(moment(4)).toBeGreaterThan(2.85); // 3 for a normal distribution; its standard error here is 0.03
    expect(moment(4)).toBeLessThan(3.15);
  });

  it('shuffles to a permutation', () => {
    const items = Array.from({ length: 1000 }, (_, i) => i);
    const mixed = createRng(2).shuffle([...items]);
    expect(mixed).not.toEqual(items);
    expect([...mixed].sort((x, y) => x - y)).toEqual(items);
  });

  it('forks streams by name, whatever the parent has drawn since', () => {
    const a = createRng(4);
    const before = draw(10, a.fork('dropout').next);
    draw(1000, a.next);
    expect(draw(10, a.fork('dropout').next)).toEqual(before);
    expect(draw(10, a.fork('shuffle').next)).not.toEqual(before);
  });
});
