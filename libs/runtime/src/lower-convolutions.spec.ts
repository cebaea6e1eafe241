import { describe, expect, it } from '@jest/globals';
import {
  blockConvolutions,
  differentiate,
  GraphBuilder,
  lowerFor,
  optimizeGraph,
  toOnnx,
  type Dim,
  type Graph,
} from '@strata/graph';
import { channelBlock } from './channel-block.js';
import { createSession } from './session.js';
import { float32Of, tensor, type Tensor } from './tensor.js';

// What the passes leave of convolutions must compute the same; the gradients themselves are compared with differences in gradients.spec.ts.

interface Layer {
  readonly channels: number;
  readonly filters: number;
  readonly kernel: readonly [number, number];
  readonly strides?: readonly [number, number];
  readonly dilations?: readonly [number, number];
  readonly pads?: readonly [number, number, number, number];
  readonly group?: number;
  readonly rows?: Dim;
  readonly bias?: boolean;
}

const N = 3;
const [H, W] = [9, 10];
const wave = (shape: readonly number[], phase: number): Tensor =>
  tensor.float32(
    Float32Array.from({ length: shape.reduce((a, d) => a * d, 1) }, (_, i) => Math.sin(phase + 1.7 * i)),
    shape,
  );

/** Σ y² of a convolution, with the gradients of all its inputs. */
function model(layer: Layer): Graph {
  const { channels, filters, kernel, group = 1, rows = N, bias = false, ...settings } = layer;
  const b = new GraphBuilder();
  const x = b.input('x', 'float32', [rows, channels, H, W]);
  const w = b.input('w', 'float32', [filters, channels / group, ...kernel]);
  const c = bias ? b.input('c', 'float32', [filters]) : undefined;
  const y = b.op.Conv(x, w, c, { ...settings, group });
  b.output('loss', b.op.ReduceSum(b.op.Mul(y, y)));
  b.output('y', y);
  return optimizeGraph(differentiate(b.build(), 'loss', ['x', 'w', ...(bias ? ['c'] : [])]));
}

async function values(graph: Graph, layer: Layer): Promise<Record<string, Float32Array>> {
  const { channels, filters, kernel, group = 1 } = layer;
  const feeds: Record<string, Tensor> = {
    x: wave([N, channels, H, W], 0.3),
    w: wave([filters, channels / group, ...kernel], 1),
    ...(layer.bias ? { c: wave([filters], 2) } : {}),
  };
  const session = await createSession(toOnnx(graph));
  const out = await session.run(feeds);
  await session.release();
  return Object.fromEntries(Object.entries(out).map(([name, t]) => [name, float32Of(t, name)]));
}

function expectSame(got: Record<string, Float32Array>, expected: Record<string, Float32Array>): void {
  expect(Object.keys(got)).toEqual(Object.keys(expected));
  for (const [name, list] of Object.entries(expected)) {
    const scale = list.reduce((m, v) => Math.max(m, Math.abs(v)), 0);
    list.forEach((v, i) => {
      if (!(Math.abs((got[name]?.[i] ?? NaN) - v) <= 1e-5 * scale))
        throw new Error(`${name}[${i}] is ${got[name]?.[i]}, not ${v}`);
    });
  }
}

const layers: readonly (readonly [string, Layer])[] = [
  ['3 × 3', { channels: 5, filters: 32, kernel: [3, 3], pads: [1, 1, 1, 1], bias: true }],
  ['3 × 3 over many channels', { channels: 32, filters: 16, kernel: [3, 3], pads: [1, 1, 1, 1] }],
  ['an open number of rows', { channels: 16, filters: 16, kernel: [3, 3], pads: [1, 1, 1, 1], rows: 'N' }],
  ['stride, uneven padding', { channels: 16, filters: 32, kernel: [3, 2], strides: [2, 3], pads: [1, 0, 0, 1] }],
  ['dilation', { channels: 16, filters: 16, kernel: [2, 3], dilations: [3, 2], pads: [1, 2, 1, 0] }],
  ['1 × 1', { channels: 16, filters: 48, kernel: [1, 1], bias: true }],
  ['1 × 1 with stride', { channels: 16, filters: 16, kernel: [1, 1], strides: [2, 2] }],
  ['channels that fill no block', { channels: 24, filters: 20, kernel: [3, 3] }],
  ['groups', { channels: 32, filters: 32, kernel: [3, 3], group: 2 }],
];

describe('convolutions on the CPU', () => {
  it.each(layers)('compute the same as products and in blocks: %s', async (_, layer) => {
    const graph = model(layer);
    const expected = await values(graph, layer);
    const lowered = lowerFor(graph, 'cpu');
    expectSame(await values(lowered, layer), expected);
    expectSame(await values(blockConvolutions(lowered, await channelBlock()), layer), expected);
  });

  it('make gradients of weights by products, unless there are groups', () => {
    const convolutions = (layer: Layer): number =>
      lowerFor(model(layer), 'cpu').nodes.filter((n) => n.op === 'Conv').length;
    // forward and the gradient of the image
    expect(convolutions({ channels: 16, filters: 16, kernel: [3, 3], pads: [1, 1, 1, 1] })).toBe(2);
    expect(convolutions({ channels: 16, filters: 16, kernel: [3, 3], pads: [1, 1, 1, 1], group: 2 })).toBe(3);
  });

  it('are put in blocks where weights are inputs and channels fill blocks', () => {
    const blocked = (layer: Layer): number =>
      blockConvolutions(model(layer), 16).nodes.filter((n) => n.domain === 'com.microsoft.nchwc' && n.op === 'Conv')
        .length;
    expect(blocked({ channels: 16, filters: 16, kernel: [3, 3], pads: [1, 1, 1, 1] })).toBeGreaterThanOrEqual(2);
    expect(blocked({ channels: 24, filters: 20, kernel: [3, 3] })).toBe(0);
    const b = new GraphBuilder();
    const w = b.initializer('w', { dtype: 'float32', dims: [16, 16, 1, 1], data: new Float32Array(256) });
    b.output('y', b.op.Conv(b.input('x', 'float32', [1, 16, 4, 4]), w));
    const fixed = b.build();
    expect(blockConvolutions(fixed, 16).nodes).toEqual(fixed.nodes);
    expect(blockConvolutions(fixed, 1)).toBe(fixed);
  });

  it('share the reordering of an image', () => {
    const b = new GraphBuilder();
    const x = b.input('x', 'float32', [1, 16, 4, 4]);
    const [v, w] = [b.input('v', 'float32', [16, 16, 1, 1]), b.input('w', 'float32', [16, 16, 3, 3])];
    b.output('y', b.op.Conv(x, v));
    b.output('z', b.op.Conv(x, w));
    const count = (op: string) => blockConvolutions(b.build(), 16).nodes.filter((n) => n.op === op).length;
    expect([count('ReorderInput'), count('ReorderOutput')]).toEqual([1, 2]);
  });

  it('pass gradients through Relu without Where', async () => {
    const b = new GraphBuilder();
    const x = b.input('x', 'float32', ['N', 5]);
    const y = b.op.Relu(x);
    b.output('loss', b.op.ReduceSum(b.op.Mul(y, b.op.Exp(y))));
    const graph = optimizeGraph(differentiate(b.build(), 'loss', ['x']));
    const lowered = lowerFor(graph, 'cpu');
    expect(lowered.nodes.filter((n) => n.op === 'Where')).toEqual([]);
    const session = await createSession(toOnnx(lowered));
    const values = [-2, -1e-30, 0, 1e-30, 3];
    const out = await session.run({ x: tensor.float32(Float32Array.from(values), [1, 5]) });
    await session.release();
    // (1 + y) eʸ where x > 0
    const got = float32Of(out['x.grad'], 'x.grad');
    [0, 0, 0, 1, 4 * Math.exp(3)].forEach((v, i) => expect(got[i]).toBeCloseTo(v, 4));
  });

  it('know the block of this processor', async () => {
    expect([1, 4, 8, 16, 32]).toContain(await channelBlock());
  });
});
