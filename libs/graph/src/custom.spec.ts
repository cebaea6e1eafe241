import { describe, expect, it } from '@jest/globals';
import { GraphBuilder } from './builder.js';
import { stopGradient, straightThrough } from './custom.js';
import { differentiate } from './differentiate.js';
import { fromOnnx } from './from-onnx.js';
import { plainGraph } from './ops/custom-gradient.js';
import { optimizeGraph } from './passes.js';
import { toOnnx } from './to-onnx.js';
import type { Graph } from './types.js';
import { verify } from './verify.js';

const ops = (g: Graph): string[] => g.nodes.map((n) => n.op);

function rounded(): Graph {
  const b = new GraphBuilder();
  const x = b.input('x', 'float32', [3]);
  const y = straightThrough(b, x, (op, v) => op.Round(v));
  b.output('loss', b.op.ReduceSum(b.op.Mul(y, stopGradient(b, x))));
  return b.build();
}

describe('functions with a gradient of their own', () => {
  it('are data of the graph: verified, kept by the passes and by differentiation', () => {
    const graph = verify(rounded());
    expect(ops(graph).filter((o) => o === 'CustomGradient')).toHaveLength(2);
    expect(ops(optimizeGraph(graph)).filter((o) => o === 'CustomGradient')).toHaveLength(2);
    const twice = verify(differentiate(graph, 'loss', ['x']));
    expect(ops(twice).filter((o) => o === 'CustomGradient')).toHaveLength(2);
  });

  it('give the gradient that they say: of round(x) · x it is the second factor', () => {
    const graph = plainGraph(differentiate(rounded(), 'loss', ['x']));
    const maker = new Map(graph.nodes.flatMap((n) => n.outputs.map((o) => [o, n] as const)));
    // back from the gradient: nothing of Round, whose own derivative is 0, and no sum of two ways
    const way = new Set<string>();
    const walk = (name: string): void => {
      const node = maker.get(name);
      if (!node) return;
      way.add(node.op);
      node.inputs.forEach(walk);
    };
    walk('x.grad');
    expect([...way]).toEqual(expect.arrayContaining(['Mul']));
    expect([...way]).not.toEqual(expect.arrayContaining(['Round']));
    expect([...way]).not.toEqual(expect.arrayContaining(['Add']));
  });

  it('are written to files as what they compute', () => {
    const file = fromOnnx(toOnnx(rounded()));
    expect(ops(file).filter((o) => o !== 'Identity')).toEqual(['Round', 'Mul', 'ReduceSum']);
    expect(file.domains.size).toBe(0);
  });

  it('stand inside subgraphs too', () => {
    const b = new GraphBuilder();
    const x = b.input('x', 'float32', [3, 2]);
    const [last] = b.op.Scan(
      [b.constant({ dtype: 'float32', dims: [2], data: new Float32Array(2) })],
      [x],
      (inner, s = x, row = x) => {
        const [y] = inner.op.CustomGradient(
          [row],
          (f, v = row) => [f.op.Sign(v)],
          (f, { grads: [g = row] }) => [f.op.Identity(g)],
        );
        return [inner.op.Add(s, y ?? row)];
      },
    );
    b.output('loss', b.op.ReduceSum(last ?? x));
    const graph = plainGraph(verify(differentiate(b.build(), 'loss', ['x'])));
    const all = JSON.stringify(graph.nodes, (_, v: unknown) => (typeof v === 'bigint' ? String(v) : v));
    expect(all).toContain('"op":"Sign"');
    expect(all).not.toContain('"op":"CustomGradient"');
    expect(verify(fromOnnx(toOnnx(graph))).outputs.map((o) => o.name)).toEqual(['loss', 'x.grad']);
  });
});
