import { describe, expect, it } from '@jest/globals';
import type { RandomInput, ValueInfo } from '@strata/graph';
import { tensor, type Tensor } from '@strata/runtime';
import { createRandomSource } from './random.js';

const inputs: ValueInfo[] = [
  { name: 'x', dtype: 'float32', shape: ['N', 3, 'L'] },
  { name: 'y', dtype: 'float32', shape: ['N'] },
];
const feeds = (n: number, l: number, m = n): Record<string, Tensor> => ({
  x: tensor.float32(new Float32Array(n * 3 * l), [n, 3, l]),
  y: tensor.float32(new Float32Array(m), [m]),
});
const input = (name: string, shape: RandomInput['shape'], kind: RandomInput['kind'] = 'uniform'): RandomInput => ({
  name,
  dtype: 'float32',
  shape,
  kind,
  rate: 0.5,
});
const numbers = (t: Tensor | undefined): number[] => [...(t?.data as Float32Array)];

describe('random inputs', () => {
  it('take symbolic sizes, their products and sums, from the feeds', async () => {
    const source = await createRandomSource(
      [
        input('a', ['N', 'L']),
        input('b', ['2*N*L', 5]),
        input('c', ['(L+2)', 1], 'normal'),
        input('d', [7], 'dropout'),
      ],
      inputs,
      1,
    );
    const dims = (n: number, l: number): unknown =>
      Object.values(source.draw(feeds(n, l), 0, 0)).map((t) => [t.dims, t.data.length]);
    expect(dims(2, 3)).toEqual([
      [[2, 3], 6],
      [[12, 5], 60],
      [[5, 1], 5],
      [[7], 7],
    ]);
    expect(dims(400, 90)).toEqual([
      [[400, 90], 36000],
      [[72000, 5], 360000],
      [[92, 1], 92],
      [[7], 7],
    ]);
  });

  it('are functions of seed, step, micro-batch and name, and of nothing else', async () => {
    const draw = async (seed: number, step: number, micro: number, name: string, before = 0): Promise<number[]> => {
      const source = await createRandomSource([input('first', [before + 1]), input(name, ['N'])], inputs, seed);
      for (let i = 0; i < before; i++) source.draw(feeds(3, 2), i, i);
      return numbers(source.draw(feeds(40, 1), step, micro)[name]);
    };
    const base = await draw(1, 2, 3, 'a');
    expect(await draw(1, 2, 3, 'a', 5)).toEqual(base);
    for (const other of [draw(2, 2, 3, 'a'), draw(1, 3, 3, 'a'), draw(1, 2, 4, 'a'), draw(1, 2, 3, 'b')]) {
      const got = await other;
      expect(got.filter((v, i) => v === base[i]).length).toBeLessThan(3);
    }
    // a negative seed is one of 2³²
    expect(await draw(-1, 2, 3, 'a')).not.toEqual(base);
  });

  it('say when feeds disagree about a size', async () => {
    const source = await createRandomSource([input('a', ['N'])], inputs, 1);
    expect(() => source.draw(feeds(2, 3, 4), 0, 0)).toThrow(/the size N is 2 in one input and 4 in "y"/);
  });
});
