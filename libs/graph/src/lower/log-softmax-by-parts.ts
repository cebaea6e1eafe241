import { axisOf, intAttr, nodeError } from '../ops/rule.js';
import { rewriteNodes } from '../rewrite.js';
import { hasOp } from './has-op.js';
import type { Lowering } from './lower.js';

/** LogSoftmax → x − ReduceLogSumExp(x), which ONNX Runtime's WebGPU provider has, while LogSoftmax falls back to the CPU. */
export const logSoftmaxByParts: Lowering = {
  name: 'LogSoftmax by parts',
  targets: ['webgpu'],
  run: (graph) =>
    hasOp(graph, '', 'LogSoftmax')
      ? rewriteNodes(graph, (node, b) => {
          const [name] = node.inputs;
          if (node.op !== 'LogSoftmax' || node.domain !== '' || !name) return undefined;
          const x = b.value(name);
          const axis = axisOf(intAttr(node.attrs, 'axis', -1), x.shape.length, (problem) => {
            throw nodeError(node.op, node.name, problem);
          });
          // the runtime's ReduceLogSumExp does not shift by the maximum: e^x would overflow from 89 on
          const shifted = b.op.Sub(x, b.op.ReduceMax(x, { axes: [axis], keepdims: true }));
          return b.op.Sub(shifted, b.op.ReduceLogSumExp(shifted, { axes: [axis], keepdims: true }));
        })
      : graph,
};
