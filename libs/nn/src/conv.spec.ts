import { describe, expect, it } from '@jest/globals';
import { GraphBuilder, toNumbers, verify } from '@strata/graph';
import { createRng } from '@strata/kernel';
import { averagePool, conv1d, conv2d, convTranspose2d, globalAveragePool, maxPool } from './conv.js';
import { convUniform, kaimingNormal } from './init.js';
import { batchNorm, groupNorm } from './norm-batch.js';
import { imageNorm, residualBlock } from './residual.js';

const image = (b: GraphBuilder, channels = 8) => b.input('x', 'float32', ['N', channels, 12, 10]);

describe('convolutions', () => {
  it('name their parameters and give the sizes of PyTorch', () => {
    const b = new GraphBuilder();
    const x = image(b);
    const y = conv2d(b, x, { name: 'a', outChannels: 6, kernelSize: [3, 5], stride: 2, padding: 1, groups: 2 });
    // ⌊(12 + 2 - 3) / 2⌋ + 1, ⌊(10 + 2 - 5) / 2⌋ + 1
    expect(y.shape).toEqual(['N', 6, 6, 4]);
    const same = conv2d(b, x, { name: 'b', outChannels: 4, kernelSize: 4, dilation: 2, padding: 'same', bias: false });
    expect(same.shape).toEqual(['N', 4, 12, 10]);
    // (12 - 1) 2 - 2 + 2 (3 - 1) + 1 + 1
    const large = convTranspose2d(b, x, {
      name: 'c',
      outChannels: 4,
      kernelSize: 3,
      stride: 2,
      padding: 1,
      dilation: 2,
      outputPadding: 1,
    });
    expect(large.shape).toEqual(['N', 4, 26, 22]);
    const line = conv1d(b, b.input('l', 'float32', ['N', 3, 'T']), { name: 'd', outChannels: 2, kernelSize: 1 });
    expect(line.shape).toEqual(['N', 2, 'T']);
    expect(b.parameters.map((p) => [p.name, p.shape])).toEqual([
      ['a/weight', [6, 4, 3, 5]],
      ['a/bias', [6]],
      ['b/weight', [4, 8, 4, 4]],
      ['c/weight', [8, 4, 3, 3]],
      ['c/bias', [4]],
      ['d/weight', [2, 3, 1]],
      ['d/bias', [2]],
    ]);
    b.output('y', y);
    verify(b.build());
  });

  it('say which layer does not fit', () => {
    const b = new GraphBuilder();
    const options = { name: 'wrong', outChannels: 4, kernelSize: 3 };
    expect(() => conv2d(b, b.input('a', 'float32', ['N', 'C', 4, 4]), options)).toThrow(/wrong needs an image/);
    expect(() => conv2d(b, b.input('b', 'float32', ['N', 3, 4]), options)).toThrow(/wrong convolves over 2 axes/);
    expect(() => conv2d(b, b.input('c', 'float32', ['N', 3, 4, 4]), { ...options, groups: 2 })).toThrow(/2 groups/);
    expect(() => conv2d(b, b.input('d', 'float32', ['N', 3, 9, 9]), { ...options, stride: [1] })).toThrow(
      /stride has 1/,
    );
  });

  it('pools have the sizes of PyTorch', () => {
    const b = new GraphBuilder();
    const x = image(b);
    expect(maxPool(b, x, { kernelSize: 3, stride: 2, padding: 1 }).shape).toEqual(['N', 8, 6, 5]);
    expect(maxPool(b, x, { kernelSize: [5, 4], ceilMode: true }).shape).toEqual(['N', 8, 3, 3]);
    expect(averagePool(b, x, { kernelSize: 2 }).shape).toEqual(['N', 8, 6, 5]);
    expect(globalAveragePool(b, x).shape).toEqual(['N', 8]);
  });
});

describe('normalisations', () => {
  it('batchNorm moves its running statistics in training alone', () => {
    const trained = new GraphBuilder();
    batchNorm(trained, image(trained), { name: 'n', training: true });
    expect(trained.buffers.map((p) => p.name)).toEqual(['n/running_mean', 'n/running_var']);
    expect([...trained.nextBuffers.keys()]).toEqual(['n/running_mean', 'n/running_var']);
    const evaluated = new GraphBuilder();
    batchNorm(evaluated, image(evaluated), { name: 'n', training: false });
    expect(evaluated.buffers.map((p) => p.name)).toEqual(['n/running_mean', 'n/running_var']);
    expect(evaluated.nextBuffers.size).toBe(0);
  });

  it('group normalisation has no buffers; its groups divide the channels', () => {
    const b = new GraphBuilder();
    const x = image(b, 12);
    groupNorm(b, x, { name: 'g', groups: 3 });
    expect(() => groupNorm(b, x, { name: 'h', groups: 5 })).toThrow(/not a multiple of 5 groups/);
    imageNorm(b, x, { name: 'i', norm: 'group', training: true });
    b.output('y', imageNorm(b, x, { name: 'j', norm: 'none', training: true }));
    expect(b.buffers).toEqual([]);
    const groups = b.build().nodes.flatMap((n) => (n.op === 'GroupNormalization' ? [n.attrs['num_groups']] : []));
    // 8 does not divide 12: 6 does
    expect(groups).toEqual([
      { type: 'int', value: 3 },
      { type: 'int', value: 6 },
    ]);
  });
});

describe('residual blocks', () => {
  it('carry x along as it is, or through a 1 × 1 convolution where sizes change', () => {
    const b = new GraphBuilder();
    const x = image(b);
    const options = { norm: 'batch', training: true } as const;
    const same = residualBlock(b, x, { name: 'r1', outChannels: 8, ...options });
    const half = residualBlock(b, same, { name: 'r2', outChannels: 16, stride: 2, ...options });
    expect([same.shape, half.shape]).toEqual([
      ['N', 8, 12, 10],
      ['N', 16, 6, 5],
    ]);
    const weights = b.parameters.filter((p) => p.shape.length === 4).map((p) => [p.name, p.shape]);
    expect(weights).toEqual([
      ['r1/conv1/weight', [8, 8, 3, 3]],
      ['r1/conv2/weight', [8, 8, 3, 3]],
      ['r2/conv1/weight', [16, 8, 3, 3]],
      ['r2/conv2/weight', [16, 16, 3, 3]],
      ['r2/shortcut/weight', [16, 8, 1, 1]],
    ]);
    // the last normalisation begins at 0, so that the block begins as the identity
    const scale = b.parameters.find((p) => p.name === 'r1/norm2/weight');
    expect(scale && toNumbers(scale.init(scale.shape, 'float32', createRng(1)))).toEqual(new Array(8).fill(0));
  });
});

describe('initialisers of convolutions', () => {
  const draw = (init: typeof convUniform): number[] => toNumbers(init([64, 16, 3, 3], 'float64', createRng(3)));
  it('convUniform fills ± 1/√fan_in', () => {
    const values = draw(convUniform);
    expect(Math.max(...values)).toBeLessThanOrEqual(1 / 12);
    expect(Math.max(...values)).toBeGreaterThan(0.99 / 12);
  });
  it('kaimingNormal has the variance 2 / fan_out', () => {
    const values = draw(kaimingNormal);
    const variance = values.reduce((s, v) => s + v * v, 0) / values.length;
    expect(variance * (64 * 9)).toBeCloseTo(2, 0);
    expect(Math.abs(variance * (64 * 9) - 2)).toBeLessThan(0.1);
  });
});
