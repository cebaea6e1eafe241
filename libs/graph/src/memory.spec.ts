import { describe, expect, it } from '@jest/globals';
import { GraphBuilder } from './builder.js';
import { evalDim } from './dims.js';
import { estimateMemory, initializerBytes, productFlops, sizesFromFeeds } from './memory.js';
import { tensorOf } from './tensor.js';

describe('sizes', () => {
  it.each([
    [3, 3],
    ['N', 4],
    ['2*N*L', 40],
    ['(L+N+3)', 12],
    ['2*(N+1)', 10],
    ['(L|N)', 5],
    ['(N+-2)', 2],
    ['?x.0', undefined],
    ['M', undefined],
    ['2*M', undefined],
  ])('%s', (dim, expected) => expect(evalDim(dim, { N: 4, L: 5 })).toBe(expected));
});

describe('memory of a run', () => {
  // x [N, 8] → h = x W [N, 16] → t = tanh h → s = t + h → v = reshape s → y = mean v
  const b = new GraphBuilder('chain');
  const { op } = b;
  const h = op.MatMul(
    b.input('x', 'float32', ['N', 8]),
    b.initializer('w', tensorOf('float32', [8, 16], new Array<number>(128).fill(0))),
  );
  const s = op.Add(op.Tanh(h), h);
  b.output('y', op.ReduceMean(op.Reshape(s, [-1])));
  const graph = b.build();

  it('counts what is alive at one time, and views once', () => {
    const estimate = estimateMemory(graph, { N: 10 });
    const value = 10 * 16 * 4;
    expect(estimate).toMatchObject({ inputs: 10 * 8 * 4, outputs: 4, unknown: 0, at: 'Add' });
    // the sum is made while both of its terms live; the shape of the view is a constant
    expect(estimate.activations).toBe(3 * value);
    expect(estimate.alive).toEqual([
      { name: 'MatMul', bytes: value },
      { name: 'Tanh', bytes: value },
      { name: 'Add', bytes: value },
    ]);
    expect(estimate.initializers).toBe(initializerBytes(graph));
    expect(initializerBytes(graph)).toBe(8 * 16 * 4 + 8);
  });

  it('says when sizes are not given', () => {
    expect(estimateMemory(graph, {}).unknown).toBeGreaterThan(0);
    expect(sizesFromFeeds(graph, { x: { dims: [7, 8] } })).toEqual({ N: 7 });
  });

  it('operations of products', () => {
    expect(productFlops(graph, { N: 10 })).toBe(2 * 10 * 8 * 16);
    const c = new GraphBuilder('transposed');
    c.output(
      'y',
      c.op.FusedMatMul(c.input('a', 'float32', [5, 'N']), c.input('b', 'float32', [5, 3]), { transA: true }),
    );
    expect(productFlops(c.build(), { N: 10 })).toBe(2 * 10 * 5 * 3);
  });
});
