import { describe, expect, it } from '@jest/globals';
import {
  differentiate,
  gradientName,
  GraphBuilder,
  lowerFor,
  optimizeGraph,
  tensorOf,
  toOnnx,
  type Dim,
  type Graph,
  type Value,
} from '@strata/graph';
import { createSession } from './session.js';
import { float32Of, tensor, type Tensor } from './tensor.js';

// What the passes for a device leave must compute the same; that they did something is seen from the operators.

const [N, T, C, V] = [8, 8, 16, 40];
const wave = (n: number, phase: number): Float32Array =>
  Float32Array.from({ length: n }, (_, i) => Math.sin(phase + i));
const ids = (phase: number): Tensor =>
  tensor.int64(
    Int32Array.from({ length: N * T }, (_, i) => (i * 7 + phase) % V),
    [N, T],
  );
const feeds: Record<string, Tensor> = {
  ids: ids(0),
  labels: ids(3),
  table: tensor.float32(wave(V * C, 0.3), [V, C]),
  w: tensor.float32(wave(C * C, 1.1), [C, C]),
  c: tensor.float32(wave(C, 2), [C]),
  bias: tensor.float32(wave(V, 3), [V]),
  weights: tensor.float32(
    wave(N * T, 1).map((v) => 1 + v / 2),
    [N, T],
  ),
};

interface Variant {
  readonly sizes?: readonly [Dim, Dim];
  readonly tied?: boolean;
  readonly weighted?: boolean;
  readonly bias?: boolean;
}

/** A language model of one layer: embedding, dense layer, logits over the vocabulary, cross-entropy. */
function model({ sizes = [N, T], tied = true, weighted = false, bias = false }: Variant): Graph {
  const b = new GraphBuilder();
  const { op } = b;
  const table = b.input('table', 'float32', [V, C]);
  const [w, c] = [b.input('w', 'float32', [C, C]), b.input('c', 'float32', [C])];
  const hidden = op.Tanh(op.Add(op.MatMul(op.Gather(table, b.input('ids', 'int64', sizes)), w), c));
  let logits = op.MatMul(hidden, tied ? op.Transpose(table, [1, 0]) : b.input('head', 'float32', [C, V]));
  if (bias) logits = op.Add(logits, b.input('bias', 'float32', [V]));
  const labels = b.input('labels', 'int64', sizes);
  const lp = op.GatherElements(op.LogSoftmax(logits), op.Unsqueeze(labels, [2]), { axis: 2 });
  const cost = op.Neg(op.Squeeze(lp, [2]));
  const loss: Value = op.ReduceMean(weighted ? op.Mul(cost, b.input('weights', 'float32', sizes)) : cost);
  b.output('loss', loss);
  const wrt = ['table', 'w', 'c', ...(bias ? ['bias'] : []), ...(tied ? [] : ['head'])];
  return optimizeGraph(differentiate(b.build(), 'loss', wrt));
}

async function values(graph: Graph): Promise<Record<string, Float32Array>> {
  const session = await createSession(toOnnx(graph), { optimization: 'basic' });
  const all: Record<string, Tensor> = { ...feeds, head: tensor.float32(wave(C * V, 0.7), [C, V]) };
  const out = await session.run(Object.fromEntries(graph.inputs.map((i) => [i.name, all[i.name] as Tensor])));
  await session.release();
  return Object.fromEntries(Object.entries(out).map(([name, t]) => [name, float32Of(t, name)]));
}

const count = (graph: Graph, op: string): number => graph.nodes.filter((n) => n.op === op).length;
/** Nodes whose result is as large as the logits. */
const large = (graph: Graph): number => {
  const b = GraphBuilder.from(graph);
  return graph.nodes.filter((n) => {
    const shape = n.outputs[0] === undefined ? [] : b.value(n.outputs[0]).shape;
    return shape.at(-1) === V && shape.length > 1 && shape[0] !== 1 && !shape.includes(C) && n.op !== 'Reshape';
  }).length;
};

const variants: readonly (readonly [string, Variant])[] = [
  ['tied to the embeddings', {}],
  ['own output layer', { tied: false }],
  ['with a bias', { bias: true }],
  ['rows with weights', { weighted: true, tied: false, bias: true }],
  ['one symbolic size', { sizes: ['N', T] }],
  ['symbolic sizes', { sizes: ['N', 'L'], weighted: true }],
];

describe('lowering for the CPU', () => {
  it.each(variants)('gradients of a language model stay the same: %s', async (_, variant) => {
    const graph = model(variant);
    const lowered = lowerFor(graph, 'cpu');
    const [plain, fast] = [await values(graph), await values(lowered)];
    expect(Object.keys(fast)).toEqual(Object.keys(plain));
    for (const [name, expected] of Object.entries(plain)) {
      const scale = expected.reduce((m, v) => Math.max(m, Math.abs(v)), 0);
      expect(scale).toBeGreaterThan(0);
      expected.forEach((v, i) => {
        if (!(Math.abs((fast[name]?.[i] ?? NaN) - v) <= 2e-6 * scale))
          throw new Error(`${name}[${i}] is ${fast[name]?.[i]}, not ${v}`);
      });
    }
    expect(count(lowered, 'Exp')).toBe(0);
    // logits (and their bias), probabilities, and these less the picked ones
    expect(large(lowered)).toBe(variant.bias ? 4 : 3);
    expect(large(graph)).toBeGreaterThan(large(lowered));
  });

  it('adds the gradient of a tied table in place, and sums columns by products', () => {
    const graph = model({});
    const lowered = lowerFor(graph, 'cpu');
    expect([count(graph, 'Add'), count(lowered, 'Add')]).toEqual([2, 1]);
    expect([count(graph, 'ReduceSum'), count(lowered, 'ReduceSum')]).toEqual([2, 0]);
    const last = lowered.nodes.find((n) => n.outputs.includes(gradientName('table')));
    expect(last?.op).toBe('ScatterElements');
  });

  it('leaves alone what it does not know', () => {
    const b = new GraphBuilder();
    const x = b.input('x', 'float32', [4, 3]);
    // a softmax of everything, and a transposed product that is used as it is too
    const product = b.op.MatMul(b.op.Transpose(x), x);
    b.output('p', b.op.Add(product, b.op.Transpose(product)));
    b.output('s', b.op.ReduceSum(x, { axes: [1] }));
    b.output('c', b.op.Add(b.constant(tensorOf('float32', [1], [2])), b.op.Exp(x)));
    const graph = optimizeGraph(b.build());
    expect(lowerFor(graph, 'cpu').nodes).toEqual(graph.nodes);
  });
});
