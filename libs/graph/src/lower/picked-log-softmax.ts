import { axisOf, intAttr } from '../ops/rule.js';
import { tensorOf } from '../tensor.js';
import type { Node } from '../types.js';
import { edit, type Editor } from './edit.js';
import { hasOp } from './has-op.js';
import type { Lowering } from './lower.js';

/**
 * The gradient of picked log-probabilities, which is that of cross-entropy. Differentiation gives Z − eˡ Σ Z with Z zero but for u at the picked classes: six passes over [rows, classes].
 * As (softmax(x) − onehot) · (−u) it is a softmax, a scatter in place, and a product with a column, which `rowScales` moves behind the next matrix product.
 */
export const pickedLogSoftmax: Lowering = {
  name: 'gradient of picked log-probabilities',
  targets: ['cpu'],
  run(graph) {
    if (!hasOp(graph, '', 'LogSoftmax')) return graph;
    const e = edit(graph);
    for (const node of graph.nodes) if (node.op === 'Sub' && node.domain === '') rewrite(e, node);
    return e.done();
  },
};

function rewrite(e: Editor, node: Node): void {
  const [z, weighted] = node.inputs;
  const scatter = e.maker(z, 'ScatterElements');
  const product = e.maker(weighted, 'Mul');
  const [zeros, at, u] = scatter?.inputs ?? [];
  if (!scatter || !product || at === undefined || u === undefined || e.number(zeros) !== 0) return;
  const exp = product.inputs.map((i) => e.maker(i, 'Exp')).find((n) => n);
  const sum = product.inputs.map((i) => e.maker(i, 'ReduceSum')).find((n) => n);
  const log = e.maker(exp?.inputs[0], 'LogSoftmax');
  const x = log?.inputs[0];
  if (!log || x === undefined || sum?.inputs[0] !== z || intAttr(sum?.attrs ?? {}, 'keepdims', 1) !== 1) return;
  const shape = e.value(x)?.shape;
  const picked = e.value(at)?.shape;
  if (!shape || !picked || e.value(x)?.dtype !== 'float32') return;
  const wrong = (): never => {
    throw new RangeError();
  };
  const axis = axisOf(intAttr(log.attrs, 'axis', -1), shape.length, wrong);
  const summed = e.integers(sum?.inputs[1]);
  if (axisOf(intAttr(scatter.attrs, 'axis', 0), shape.length, wrong) !== axis || picked[axis] !== 1) return;
  if (summed?.length !== 1 || axisOf(summed[0] ?? 0, shape.length, wrong) !== axis) return;
  const softmax = e.node('Softmax', [x], log.attrs);
  const sizes = e.node('Shape', [at]);
  const minus = e.node('Expand', [e.constant(tensorOf('float32', [], [-1])), sizes.name]);
  const centred = e.node('ScatterElements', [softmax.name, at, minus.name], scatter.attrs);
  const negative = e.node('Neg', [u]);
  const early = pickedAlone(e, log, exp, x, axis, softmax);
  e.replace(node, [
    ...(early ? [] : [softmax]),
    sizes,
    minus,
    centred,
    negative,
    e.named(node.outputs[0] ?? '', 'Mul', [centred.name, negative.name]),
  ]);
}

/**
 * Where nothing but the pick reads the log-probabilities, they are not made: xᵢ - ln Σ eˣ with ln Σ eˣ = max x - ln max softmax(x), which no underflow can spoil. Reading twice costs less
 * than writing once, and the largest tensor of a language model is not stored a third time. Puts the softmax before the pick and gives true when it could.
 */
function pickedAlone(e: Editor, log: Node, exp: Node | undefined, x: string, axis: number, softmax: Node): boolean {
  const others = (e.users(log.outputs[0] ?? '') ?? [log, log]).filter((u) => u !== exp);
  const shapes = others.filter((u) => u.op === 'Shape');
  const [gather, ...more] = others.filter((u) => u.op !== 'Shape');
  const [from, at] = gather?.inputs ?? [];
  if (gather?.op !== 'GatherElements' || more.length > 0 || from !== log.outputs[0] || at === undefined) return false;
  if (e.value(at)?.shape[axis] !== 1) return false;
  for (const s of shapes) e.replace(s, [e.named(s.outputs[0] ?? '', 'Shape', [x], s.attrs)]);
  const axes = e.ints([axis]);
  const picked = e.node('GatherElements', [x, at], gather.attrs);
  const top = e.node('ReduceMax', [x, axes]);
  const likeliest = e.node('ReduceMax', [softmax.outputs[0] ?? '', axes]);
  const logarithm = e.node('Log', [likeliest.name]);
  const total = e.node('Sub', [top.name, logarithm.name]);
  const value = e.named(gather.outputs[0] ?? '', 'Sub', [picked.name, total.name]);
  e.replace(gather, [softmax, picked, top, likeliest, logarithm, total, value]);
  return true;
}
