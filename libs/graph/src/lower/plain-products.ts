import { fusedMatMulParts } from '../ops/fused-mat-mul.js';
import { rewriteNodes } from '../rewrite.js';
import { hasOp } from './has-op.js';
import type { Lowering } from './lower.js';

/** FusedMatMul → Transpose, MatMul, Mul: the WebGPU provider of ONNX Runtime has no FusedMatMul, which would bring operands and result over the bus at each step. */
export const plainProducts: Lowering = {
  name: 'plain products',
  targets: ['webgpu'],
  run: (graph) =>
    hasOp(graph, 'com.microsoft', 'FusedMatMul')
      ? rewriteNodes(graph, (node, b) => {
          const [a, c] = node.inputs;
          if (node.op !== 'FusedMatMul' || node.domain !== 'com.microsoft' || !a || !c) return undefined;
          return fusedMatMulParts(b, b.value(a), b.value(c), node.attrs);
        })
      : graph,
};
