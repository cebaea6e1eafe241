import { describe, expect, it } from '@jest/globals';
import { GraphBuilder, toNumbers, verify } from '@strata/graph';
import { createRng } from '@strata/kernel';
import { glorotUniform, kaimingUniform, normal, ones, zeros } from './init.js';
import { ACTIVATIONS, activate, dense, dropout, embeddingBag } from './layers.js';
import { crossEntropy } from './losses-cross-entropy.js';

const variance = (v: readonly number[]): number => {
  const mean = v.reduce((a, x) => a + x, 0) / v.length;
  return v.reduce((a, x) => a + (x - mean) ** 2, 0) / v.length;
};

describe('initialisers', () => {
  const draw = (init: typeof glorotUniform, dims: number[]) => toNumbers(init(dims, 'float64', createRng(3)));

  it.each<[string, typeof glorotUniform, number[], number]>([
    ['glorot_uniform', glorotUniform, [300, 100], Math.sqrt(6 / 400)],
    ['kaiming_uniform', kaimingUniform, [300, 100], Math.sqrt(6 / 300)],
    // a 3 × 3 kernel over 8 channels in front of the last two axes counts as 9 times the fan
    ['kaiming_uniform of a kernel', kaimingUniform, [3, 3, 8, 16], Math.sqrt(6 / 72)],
  ])('%s fills its range', (_, init, dims, limit) => {
    const values = draw(init, dims);
    expect(Math.max(...values)).toBeLessThanOrEqual(limit);
    expect(Math.min(...values)).toBeGreaterThanOrEqual(-limit);
    // a uniform distribution has the variance limit² / 3
    expect(variance(values) / (limit ** 2 / 3)).toBeCloseTo(1, 1);
    expect(draw(init, dims)).toEqual(values);
  });

  it('normal has its deviation, zeros and ones are what they say', () => {
    expect(Math.sqrt(variance(draw(normal(0.5), [100, 100])))).toBeCloseTo(0.5, 1);
    expect(draw(zeros, [2])).toEqual([0, 0]);
    expect(draw(ones, [2])).toEqual([1, 1]);
  });
});

describe('layers', () => {
  it('name their parameters after themselves', () => {
    const b = new GraphBuilder();
    const ids = b.input('ids', 'int64', ['N', 'L']);
    const h = embeddingBag(b, ids, { buckets: 11, dim: 4, name: 'words' });
    const y = dense(b, h, { units: 3, name: 'head' });
    b.output('y', dense(b, y, { units: 1, name: 'last', bias: false }));
    expect(b.parameters.map((p) => [p.name, ...p.shape])).toEqual([
      ['words/table', 11, 4],
      ['head/weight', 4, 3],
      ['head/bias', 3],
      ['last/weight', 3, 1],
    ]);
    expect(verify(b.build()).outputs).toEqual([{ name: 'y', dtype: 'float32', shape: ['N', 1] }]);
  });

  it('say what they cannot do', () => {
    const b = new GraphBuilder();
    const x = b.input('x', 'float32', ['N', 'D']);
    expect(() => dense(b, x, { units: 3, name: 'head' })).toThrow('head needs a last size that is a number');
    expect(() => dropout(b, x, { name: 'd', rate: 1 })).toThrow('must be in [0, 1)');
    expect(dropout(b, x, { name: 'd', rate: 0 })).toBe(x);
    expect(() => crossEntropy(b, x, b.input('t', 'int64', ['N']))).toThrow('known number of classes');
    const logits = b.input('z', 'float32', ['N', 3]);
    expect(() => crossEntropy(b, logits, b.value('t'), { classWeights: [1, 2] })).toThrow(
      '3 classes but 2 class weights',
    );
  });

  it('apply every activation', () => {
    const b = new GraphBuilder();
    const x = b.input('x', 'float32', ['N', 2]);
    for (const name of ACTIVATIONS) expect(activate(b, x, name).shape).toEqual(['N', 2]);
  });
});
