import { intAttr } from '../ops/rule.js';
import { tensorOf } from '../tensor.js';
import { edit } from './edit.js';
import { hasOp } from './has-op.js';
import type { Lowering } from './lower.js';

/** Fewer rows are not worth the vector of ones. */
const ROWS = 32;

/** Σ over all axes but the last → a product with a row of ones: half the time of ONNX Runtime's ReduceSum, which gradients of biases are. */
export const columnSums: Lowering = {
  name: 'column sums as products',
  targets: ['cpu'],
  run(graph) {
    if (!hasOp(graph, '', 'ReduceSum')) return graph;
    const e = edit(graph);
    const ones = new Map<number, string>();
    for (const node of graph.nodes) {
      const [x, axes] = node.inputs;
      if (node.op !== 'ReduceSum' || node.domain !== '' || x === undefined) continue;
      const value = e.value(x);
      const rank = value?.shape.length ?? 0;
      const width = value?.shape.at(-1);
      const summed = e.integers(axes)?.map((a) => (a < 0 ? a + rank : a));
      if (value?.dtype !== 'float32' || rank < 2 || typeof width !== 'number' || width < 2) continue;
      if (summed?.length !== rank - 1 || summed.includes(rank - 1) || intAttr(node.attrs, 'keepdims', 1) === 1)
        continue;
      const sizes = value.shape.slice(0, -1);
      if (!sizes.every((d) => typeof d === 'number')) continue;
      const rows = sizes.reduce((n: number, d) => n * Number(d), 1);
      if (rows < ROWS) continue;
      const vector = ones.get(rows) ?? e.constant(tensorOf('float32', [1, rows], new Float32Array(rows).fill(1)));
      ones.set(rows, vector);
      const flat = e.node('Reshape', [x, e.ints([rows, width])]);
      const sum = e.node('MatMul', [vector, flat.name]);
      e.replace(node, [flat, sum, e.named(node.outputs[0] ?? '', 'Reshape', [sum.name, e.ints([width])])]);
    }
    return e.done();
  },
};
