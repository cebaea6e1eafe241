import { intsAttr } from '../ops/rule.js';
import { edit } from './edit.js';
import { hasOp } from './has-op.js';
import type { Lowering } from './lower.js';

/** (Aᵀ B)ᵀ → Bᵀ A for matrices: ONNX Runtime reads transposed operands in place, and a transposed result would be copied. */
export const productTransposes: Lowering = {
  name: 'transposes of products',
  targets: ['cpu'],
  run(graph) {
    if (!hasOp(graph, '', 'Transpose')) return graph;
    const e = edit(graph);
    const turn = { perm: { type: 'ints', value: [1, 0] } } as const;
    for (const node of graph.nodes) {
      if (node.op !== 'Transpose' || node.domain !== '') continue;
      const product = e.maker(node.inputs[0], 'MatMul');
      const [a, b] = product?.inputs ?? [];
      if (!product || a === undefined || b === undefined || e.users(product.outputs[0] ?? '')?.length !== 1) continue;
      if (e.value(a)?.shape.length !== 2 || e.value(b)?.shape.length !== 2) continue;
      if (intsAttr(node.attrs, 'perm')?.join() === '0,1') continue;
      const flip = (x: string) => {
        const t = e.maker(x, 'Transpose');
        return t?.inputs[0] !== undefined ? { name: t.inputs[0], nodes: [] } : undefined;
      };
      const turned = (x: string) => {
        const known = flip(x);
        if (known) return known;
        const t = e.node('Transpose', [x], turn);
        return { name: t.name, nodes: [t] };
      };
      const [left, right] = [turned(b), turned(a)];
      e.replace(node, [
        ...left.nodes,
        ...right.nodes,
        e.named(node.outputs[0] ?? '', 'MatMul', [left.name, right.name]),
      ]);
    }
    return e.done();
  },
};
