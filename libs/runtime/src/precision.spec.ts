import { differentiate, gradientName, GraphBuilder, inferValues, mixedPrecision, type Graph } from '@strata/graph';
import { createRng } from '@strata/kernel';
import { describe, expect, it } from '@jest/globals';
import { openGraph } from './graph-session.js';
import { tensor, type Tensor } from './tensor.js';

const none = (): never => {
  throw new Error('the values are fed');
};

/** Two dense layers with a norm between them, softmax cross-entropy; the loss is multiplied by the input `scale`. */
function classifier(): GraphBuilder {
  const b = new GraphBuilder('classifier');
  const { op } = b;
  const h = op.Gelu(
    op.Add(
      op.MatMul(b.input('x', 'float32', ['N', 16]), b.param('w1', 'float32', [16, 32], none)),
      b.param('b1', 'float32', [32], none),
    ),
  );
  const normal = op.LayerNormalization(h, b.param('g', 'float32', [32], none));
  const logits = op.Mul(op.MatMul(normal, b.param('w2', 'float32', [32, 5], none)), b.scalar(0.5));
  // what a mask adds has no half: the sum must leave half precision
  const masked = op.Add(logits, b.input('mask', 'float32', ['N', 5]));
  const loss = op.Neg(
    op.ReduceMean(op.GatherElements(op.LogSoftmax(masked), b.input('y', 'int64', ['N', 1]), { axis: 1 })),
  );
  b.output('loss', loss);
  b.output('scaled', op.Mul(loss, b.input('scale', 'float32', [])));
  return b;
}

const rng = createRng(1);
const draw = (dims: readonly number[], std: number): Tensor =>
  tensor.float32(
    Float32Array.from({ length: dims.reduce((a, c) => a * c, 1) }, () => std * rng.normal()),
    dims,
  );
const SCALE = 2 ** 12;
const mask = Float32Array.from({ length: 40 }, (_, i) => (i % 5 === 4 ? -1e9 : 0));
const feeds: Record<string, Tensor> = {
  x: draw([8, 16], 1),
  y: tensor.int64([0, 1, 2, 3, 0, 1, 2, 3], [8, 1]),
  mask: tensor.float32(mask, [8, 5]),
  scale: tensor.float32([SCALE], []),
  w1: draw([16, 32], 0.25),
  b1: draw([32], 0.1),
  g: tensor.float32(new Float32Array(32).fill(1), [32]),
  w2: draw([32, 5], 0.2),
};

async function gradients(forward: Graph, names: readonly string[]) {
  const session = await openGraph(differentiate(forward, 'scaled', names));
  const result = await session.run(feeds);
  await session.release();
  return {
    loss: (result['loss']?.data as Float32Array)[0] as number,
    of: Object.fromEntries(
      names.map((n) => [n, Float32Array.from(result[gradientName(n)]?.data as Float32Array, (v) => v / SCALE)]),
    ),
    types: names.map((n) => result[gradientName(n)]?.dtype),
  };
}

describe('mixed precision', () => {
  const b = classifier();
  const names = b.parameters.map((p) => p.name);
  const half = mixedPrecision(b.build());
  const types = inferValues(half);
  const inputs = (op: string) =>
    half.nodes.filter((n) => n.op === op).map((n) => n.inputs.map((i) => types.get(i)?.dtype));

  it('multiplies halves and keeps norms, masks and losses in float32', () => {
    expect(inputs('MatMul')).toEqual([
      ['float16', 'float16'],
      ['float16', 'float16'],
    ]);
    expect(inputs('Gelu')).toEqual([['float16']]);
    expect(inputs('LayerNormalization')[0]?.[0]).toBe('float32');
    expect(inputs('LogSoftmax')).toEqual([['float32']]);
    expect(half.inputs).toEqual(b.build().inputs);
    expect(half.outputs).toEqual(b.build().outputs);
  });

  it('gives float32 gradients close to those of float32', async () => {
    const exact = await gradients(b.build(), names);
    const mixed = await gradients(half, names);
    expect(mixed.types).toEqual(names.map(() => 'float32'));
    expect(Math.abs(mixed.loss - exact.loss)).toBeLessThan(2e-3);
    for (const n of names) {
      const [x, y] = [exact.of[n] as Float32Array, mixed.of[n] as Float32Array];
      const error = Math.hypot(...x.map((v, i) => v - (y[i] as number))) / Math.hypot(...x);
      // halves have 11 bits
      expect(error).toBeLessThan(1e-2);
      expect(error).toBeGreaterThan(0);
    }
  });

  it('leaves named nodes exact', () => {
    const all = mixedPrecision(b.build(), { exact: () => true });
    expect([...inferValues(all).values()].some((v) => v.dtype === 'float16')).toBe(false);
  });
});
