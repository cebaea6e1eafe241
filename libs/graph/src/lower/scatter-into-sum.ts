import { stringAttr } from '../ops/rule.js';
import { edit } from './edit.js';
import { hasOp } from './has-op.js';
import type { Lowering } from './lower.js';

/** A + scatter-add into zeros → scatter-add into A, which the runtime does in place: the gradient of a table that is looked up and multiplied by, as tied embeddings are. */
export const scatterIntoSum: Lowering = {
  name: 'scatter into the sum',
  targets: ['cpu'],
  run(graph) {
    if (!hasOp(graph, '', 'ScatterElements')) return graph;
    const e = edit(graph);
    for (const node of graph.nodes) {
      if (node.op !== 'Add' || node.domain !== '') continue;
      const side = node.inputs.findIndex((i) => e.maker(i, 'ScatterElements'));
      const scatter = side < 0 ? undefined : e.maker(node.inputs[side]);
      const sum = node.inputs[1 - side];
      const [zeros, at, updates] = scatter?.inputs ?? [];
      if (!scatter || sum === undefined || at === undefined || updates === undefined) continue;
      if (stringAttr(scatter.attrs, 'reduction', 'none') !== 'add' || e.number(zeros) !== 0) continue;
      const made = e.value(scatter.outputs[0] ?? '')?.shape;
      const like = e.value(sum)?.shape;
      if (made?.length !== like?.length || !made?.every((d, i) => d === like?.[i])) continue;
      e.replace(node, [e.named(node.outputs[0] ?? '', 'ScatterElements', [sum, at, updates], scatter.attrs)]);
    }
    return e.done();
  },
};
