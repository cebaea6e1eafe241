import { describe, expect, it } from '@jest/globals';
import { GraphBuilder, tensorOf, toNumbers, type Graph } from '@strata/graph';
import { quantizeWeight, transposed } from './affine.js';
import { quantizeDynamic } from './quantize-dynamic.js';

const matrix = tensorOf('float32', [2, 3], [1, -0.5, 0, -2, 0.25, 0]);

describe('quantizeWeight', () => {
  it('scales each column by its largest weight', () => {
    // columns: max 2, 0.5, 0 (which keeps scale 1); 1 / (2/127) = 63.5, which rounds to 64
    const { q, scale, zero, maxError } = quantizeWeight(matrix, { type: 'int8', axis: 1, reduceRange: false });
    expect(q.dtype).toBe('int8');
    expect(Array.from(q.data as Int8Array)).toEqual([64, -127, 0, -127, 64, 0]);
    expect(toNumbers(scale)).toEqual([Math.fround(2 / 127), Math.fround(0.5 / 127), 1]);
    expect(zero).toBe(0);
    // 64 · 2/127 - 1 = 1/127
    expect(maxError).toBeCloseTo(1 / 127, 6);
  });

  it('takes one scale for the tensor, or one for each row', () => {
    expect(toNumbers(quantizeWeight(matrix, { type: 'int8', axis: undefined, reduceRange: false }).scale)).toEqual([
      Math.fround(2 / 127),
    ]);
    const rows = quantizeWeight(matrix, { type: 'int8', axis: 0, reduceRange: false });
    expect(toNumbers(rows.scale)).toEqual([Math.fround(1 / 127), Math.fround(2 / 127)]);
    expect(Array.from(rows.q.data as Int8Array)).toEqual([127, -64, 0, -127, 16, 0]);
  });

  it('shifts uint8 by 128 and keeps to 7 bits when asked', () => {
    const other = tensorOf('float32', [2, 3], [1.5, -0.5, 0, -2, 0.2, 0]);
    const { q, zero } = quantizeWeight(other, { type: 'uint8', axis: 1, reduceRange: true });
    expect(zero).toBe(128);
    // 1.5 / (2/63) = 47.25, 0.2 / (0.5/63) = 25.2
    expect(Array.from(q.data as Uint8Array)).toEqual([175, 65, 128, 65, 153, 128]);
  });

  it('errs by half a step at most', () => {
    const values = Array.from({ length: 400 }, (_, i) => Math.sin(i * 1.3) * (1 + (i % 7)));
    const { scale, maxError } = quantizeWeight(tensorOf('float32', [20, 20], values), {
      type: 'int8',
      axis: 1,
      reduceRange: false,
    });
    expect(maxError).toBeLessThanOrEqual(Math.max(...toNumbers(scale)) / 2 + 1e-6);
  });

  it('transposes', () => {
    expect(transposed(matrix).dims).toEqual([3, 2]);
    expect(toNumbers(transposed(matrix))).toEqual([1, -2, -0.5, 0.25, 0, 0]);
  });
});

const big = (rows: number, columns: number) =>
  tensorOf(
    'float32',
    [rows, columns],
    Array.from({ length: rows * columns }, (_, i) => Math.cos(i)),
  );
const ops = (g: Graph): string[] => g.nodes.map((n) => n.op);

function twoLayers(): Graph {
  const b = new GraphBuilder('two');
  const x = b.input('x', 'float32', ['N', 64]);
  const h = b.op.Relu(b.op.Add(b.op.MatMul(x, b.initializer('w1', big(64, 32))), b.initializer('b1', big(1, 32))));
  b.output('y', b.op.MatMul(h, b.initializer('w2', big(32, 2))));
  return b.build();
}

describe('quantizeDynamic', () => {
  it('replaces products by their integer form and leaves small weights alone', () => {
    const { graph, report } = quantizeDynamic(twoLayers());
    expect(ops(graph)).toEqual([
      'DynamicQuantizeLinear',
      'MatMulInteger',
      'Cast',
      'Mul',
      'Mul',
      'Add',
      'Relu',
      'MatMul',
    ]);
    expect(graph.inputs).toEqual(twoLayers().inputs);
    expect(graph.outputs).toEqual(twoLayers().outputs);
    expect(graph.initializers.has('w1')).toBe(false);
    expect(report.quantized).toEqual([
      expect.objectContaining({
        op: 'MatMul',
        weight: 'w1',
        dims: [64, 32],
        bytesBefore: 8192,
        bytesAfter: 2048 + 128,
      }),
    ]);
    expect(report.kept).toEqual([
      { node: 'MatMul_2', op: 'MatMul', reason: 'its weight has 64 elements, fewer than 1024' },
    ]);
    expect(report.bytesBefore).toBe(8192 + 128 + 256);
    expect(report.bytesAfter).toBe(2048 + 128 + 128 + 256);
  });

  it('keeps what the caller excludes', () => {
    const { graph, report } = quantizeDynamic(twoLayers(), { exclude: ['MatMul'], minElements: 1 });
    expect(report.kept).toEqual([{ node: 'MatMul', op: 'MatMul', reason: 'excluded by the caller' }]);
    expect(report.quantized.map((q) => q.weight)).toEqual(['w2']);
    expect(graph.initializers.has('w1')).toBe(true);
  });

  it('quantises a shared operand and a shared weight once', () => {
    const b = new GraphBuilder('shared');
    const x = b.input('x', 'float32', ['N', 64]);
    const w = b.initializer('w', big(64, 32));
    b.output('a', b.op.MatMul(x, w));
    b.output('b', b.op.Gemm(x, w, undefined, { alpha: 0.5 }));
    const { graph } = quantizeDynamic(b.build());
    expect(ops(graph).filter((o) => o === 'DynamicQuantizeLinear')).toHaveLength(1);
    expect([...graph.initializers.values()].filter((t) => t.dtype === 'int8')).toHaveLength(1);
  });

  it('keeps a table of embeddings in rows of 8 bits', () => {
    const b = new GraphBuilder('table');
    const ids = b.input('ids', 'int64', ['N', 'L']);
    b.output('y', b.op.Gather(b.initializer('table', big(100, 16)), ids));
    const { graph, report } = quantizeDynamic(b.build());
    expect(ops(graph).sort()).toEqual(['Cast', 'Gather', 'Gather', 'Mul', 'Unsqueeze']);
    expect(graph.outputs).toEqual([{ name: 'y', dtype: 'float32', shape: ['N', 'L', 16] }]);
    expect(report.quantized[0]).toMatchObject({ op: 'Gather', bytesBefore: 6400, bytesAfter: 1600 + 400 });
  });

  it('does not touch transposed operands, other types, weights that are not finite', () => {
    const b = new GraphBuilder('odd');
    const x = b.input('x', 'float32', [64, 'N']);
    const z = b.input('z', 'float64', ['N', 64]);
    b.output('a', b.op.Gemm(x, b.initializer('w', big(64, 32)), undefined, { transA: true }));
    b.output('b', b.op.MatMul(z, b.initializer('d', tensorOf('float64', [64, 32], Array(2048).fill(1)))));
    b.output(
      'c',
      b.op.MatMul(b.op.Cast(z, 'float32'), b.initializer('n', tensorOf('float32', [64, 32], Array(2048).fill(NaN)))),
    );
    const { report } = quantizeDynamic(b.build());
    expect(report.quantized).toEqual([]);
    expect(report.kept.map((k) => k.reason)).toEqual([
      'its left operand is transposed',
      'its weight is float64, not float32',
      'its weight holds a value that is not finite',
    ]);
  });
});
