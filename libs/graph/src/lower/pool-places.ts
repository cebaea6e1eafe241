import { DTYPE_TO_ONNX } from '../onnx-types.js';
import { edit } from './edit.js';
import { hasOp } from './has-op.js';
import type { Lowering } from './lower.js';

/**
 * MaxPool with its second output, the places of the largest elements, which ONNX Runtime's WebGPU provider refuses when it runs: a pool without it, and one in float64, a type that leaves it to
 * the CPU.
 */
export const poolPlaces: Lowering = {
  name: 'places of MaxPool',
  targets: ['webgpu'],
  run(graph) {
    if (!hasOp(graph, '', 'MaxPool')) return graph;
    const e = edit(graph);
    for (const node of graph.nodes) {
      const [x] = node.inputs;
      const [y, places] = node.outputs;
      if (node.op !== 'MaxPool' || node.domain !== '' || !x || !places) continue;
      const wide = e.node('Cast', [x], { to: { type: 'int', value: DTYPE_TO_ONNX.float64 } });
      const pool = e.node('MaxPool', [wide.name], node.attrs);
      e.replace(node, [
        wide,
        { ...pool, outputs: [pool.name, places] },
        ...(y ? [e.named(y, 'MaxPool', [x], node.attrs)] : []),
      ]);
    }
    return e.done();
  },
};
