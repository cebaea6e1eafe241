import { beforeAll, describe, expect, it } from '@jest/globals';
import { createPhilox, type Philox, type Stream } from './philox.js';

/** Philox 4×32-10 in big integers, as the paper writes it. */
function block(counter: readonly number[], key: readonly number[]): number[] {
  const M = 2n ** 32n;
  let [c0, c1, c2, c3] = counter.map(BigInt) as [bigint, bigint, bigint, bigint];
  let [k0, k1] = key.map(BigInt) as [bigint, bigint];
  for (let round = 0; round < 10; round++) {
    const p0 = 0xd2511f53n * c0;
    const p1 = 0xcd9e8d57n * c2;
    [c0, c1, c2, c3] = [(p1 / M) ^ c1 ^ k0, p1 % M, (p0 / M) ^ c3 ^ k1, p0 % M];
    k0 = (k0 + 0x9e3779b9n) % M;
    k1 = (k1 + 0xbb67ae85n) % M;
  }
  return [c0, c1, c2, c3].map(Number);
}

let philox: Philox;
beforeAll(async () => {
  philox = await createPhilox();
});

describe('Philox 4×32-10', () => {
  // kat_vectors of Random123, the authors' library
  it.each([
    [
      [0, 0, 0, 0],
      [0, 0],
      [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8],
    ],
    [
      [0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff],
      [0xffffffff, 0xffffffff],
      [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd],
    ],
    [
      [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
      [0xa4093822, 0x299f31d0],
      [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
    ],
  ])('gives the published words for the counter %j', (counter, key, words) => {
    const [room] = philox.room([16]);
    const into = new Uint32Array((room as Float32Array).buffer, (room as Float32Array).byteOffset, 16);
    const [first, ...at] = counter as [number, number, number, number];
    philox.words(into, { key: key as [number, number], at: at as [number, number, number] }, first);
    expect([0, 4, 8, 12].map((i) => into[i])).toEqual(words);
    expect(block(counter, key)).toEqual(words);
    // the other lanes hold the blocks that follow
    for (const lane of [1, 2, 3])
      expect([0, 4, 8, 12].map((i) => into[i + lane])).toEqual(block([(first + lane) % 2 ** 32, ...at], key));
  });

  const stream: Stream = { key: [12345, 678], at: [3, 21, 0] };
  it('uniform numbers are the upper 24 bits of the words, also where the count is odd', () => {
    const [u] = philox.room([23]) as [Float32Array];
    philox.uniform(u, stream);
    u.forEach((value, i) => {
      const word = block([4 * Math.floor(i / 16) + (i % 4), ...stream.at], stream.key)[
        Math.floor((i % 16) / 4)
      ] as number;
      expect(value).toBe((word >>> 8) / 2 ** 24);
    });
  });

  it('dropout keeps where half a word is at least the rate', () => {
    const [m] = philox.room([45]) as [Float32Array];
    philox.dropout(m, stream, 0.3);
    m.forEach((value, i) => {
      const word = block([4 * Math.floor(i / 32) + (i % 4), ...stream.at], stream.key)[
        Math.floor((i % 32) / 8)
      ] as number;
      const half = i % 8 < 4 ? word & 0xffff : word >>> 16;
      expect(value).toBe(half < Math.round(0.3 * 65536) ? 0 : Math.fround(1 / (1 - 0.3)));
    });
  });

  it('means, variances and shares are those of the distributions', () => {
    const n = 200_001;
    const [u, g, m] = philox.room([n, n, n]) as [Float32Array, Float32Array, Float32Array];
    philox.uniform(u, stream);
    philox.normal(g, stream);
    philox.dropout(m, stream, 0.25);
    const mean = (a: Float32Array, f = (v: number) => v): number => a.reduce((s, v) => s + f(v), 0) / n;
    expect(Math.abs(mean(u) - 0.5)).toBeLessThan(0.003);
    expect(Math.abs(mean(g))).toBeLessThan(0.01);
    expect(Math.abs(mean(g, (v) => v * v) - 1)).toBeLessThan(0.015);
    expect(Math.abs(mean(g, (v) => v ** 4) - 3)).toBeLessThan(0.1);
    expect(Math.abs(mean(m, (v) => (v === 0 ? 1 : 0)) - 0.25)).toBeLessThan(0.005);
    expect(u.every((v) => v >= 0 && v < 1)).toBe(true);
  });
});
