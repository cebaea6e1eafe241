import { GraphBuilder, lowerFor } from '@strata/graph';
import { describe, expect, it } from '@jest/globals';
import { openGraph } from './graph-session.js';
import { tensor } from './tensor.js';

describe('lowering for WebGPU', () => {
  const b = new GraphBuilder('head');
  const product = b.op.FusedMatMul(b.input('a', 'float32', ['N', 3, 2]), b.input('w', 'float32', [4, 3]), {
    alpha: 50,
    transA: true,
    transB: true,
  });
  b.output('y', b.op.LogSoftmax(product, { axis: 1 }));
  b.output('p', product);
  const graph = b.build();

  it('writes operators that the provider lacks in those that it has', () => {
    const ops = new Set(lowerFor(graph, 'webgpu').nodes.map((n) => n.op));
    expect(ops.has('FusedMatMul') || ops.has('LogSoftmax')).toBe(false);
    expect(ops.has('MatMul') && ops.has('ReduceLogSumExp')).toBe(true);
    expect(lowerFor(graph, 'webgpu')).toMatchObject({ inputs: graph.inputs, outputs: graph.outputs });
  });

  it('computes the same, also where the exponential would overflow', async () => {
    const wave = (n: number, k: number) => Float32Array.from({ length: n }, (_, i) => 3 * Math.sin(1 + i * k));
    const feeds = { a: tensor.float32(wave(12, 1.3), [2, 3, 2]), w: tensor.float32(wave(12, 0.7), [4, 3]) };
    const [plain, lowered] = await Promise.all([openGraph(graph), openGraph(lowerFor(graph, 'webgpu'))]);
    const [x, y] = [await plain.run(feeds), await lowered.run(feeds)];
    expect(Math.max(...(x['p']?.data as Float32Array))).toBeGreaterThan(100);
    for (const name of ['p', 'y']) {
      const expected = x[name]?.data as Float32Array;
      expect(x[name]?.dims).toEqual(y[name]?.dims);
      (y[name]?.data as Float32Array).forEach((v, i) =>
        expect(Math.abs(v - (expected[i] as number))).toBeLessThanOrEqual(1e-5 * Math.abs(expected[i] as number)),
      );
    }
    await plain.release();
    await lowered.release();
  });
});
