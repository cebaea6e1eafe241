import { intAttr, intsAttr, stringAttr } from '../ops/rule.js';
import type { Node } from '../types.js';
import { edit, type Editor } from './edit.js';
import { hasOp } from './has-op.js';
import type { Lowering } from './lower.js';

/** More places than this are worth a convolution. */
const PLACES = 64;
/** Columns that one product should have; narrower ones are put together. */
const COLUMNS = 64;

const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

/**
 * A convolution whose kernel is larger than its result → a product for each place of the result: the gradient of a convolution's weights, which is the convolution of image and adjoint with
 * rows in the place of channels. ONNX Runtime's convolution is made for the opposite case and takes two to three times as long. x [C, N, …], w [M, N, …]:
 * y[c, m, place] = Σ x[c, n, place + …] w[m, n, …], with w as [M, K] and each part of x as [C, K].
 */
export const fewPlaces: Lowering = {
  name: 'convolutions with few places as products',
  targets: ['cpu'],
  run(graph) {
    if (!hasOp(graph, '', 'Conv')) return graph;
    const e = edit(graph);
    for (const node of graph.nodes) if (node.op === 'Conv' && node.domain === '') products(e, node);
    return e.done();
  },
};

function products(e: Editor, node: Node): void {
  const [x, w, bias] = node.inputs;
  const output = node.outputs[0] ?? '';
  if (x === undefined || w === undefined || bias) return;
  if (intAttr(node.attrs, 'group', 1) !== 1 || stringAttr(node.attrs, 'auto_pad', 'NOTSET') !== 'NOTSET') return;
  const [c, , ...spatial] = e.value(x)?.shape ?? [];
  const [m, , ...window] = e.value(w)?.shape ?? [];
  const [, , ...result] = e.value(output)?.shape ?? [];
  if (typeof c !== 'number' || typeof m !== 'number' || result.length === 0) return;
  const [sizes, kernel, out] = [spatial.map(Number), window.map(Number), result.map(Number)];
  if ([...sizes, ...kernel, ...out].some(Number.isNaN)) return;
  const places = out.reduce((a, b) => a * b, 1);
  if (places > PLACES || kernel.reduce((a, b) => a * b, 1) <= places) return;

  const rank = sizes.length;
  const strides = intsAttr(node.attrs, 'strides') ?? sizes.map(() => 1);
  const dilations = intsAttr(node.attrs, 'dilations') ?? sizes.map(() => 1);
  const pads = intsAttr(node.attrs, 'pads') ?? range(2 * rank).map(() => 0);
  const nodes: Node[] = [];
  const add = (...args: Parameters<Editor['node']>): string => {
    const made = e.node(...args);
    nodes.push(made);
    return made.name;
  };
  const rows = add('Reshape', [w, e.ints([m, -1])]);
  const padded = pads.every((p) => p === 0)
    ? x
    : add('Pad', [x, e.ints([0, 0, ...pads.slice(0, rank), 0, 0, ...pads.slice(rank)])]);
  const axes = e.ints(range(rank).map((i) => i + 2));
  const parts = range(places).map((place) => {
    // the place's coordinates, last axis fastest
    let rest = place;
    const at = [...out].reverse().map((d) => {
      const i = rest % d;
      rest = Math.floor(rest / d);
      return i;
    });
    at.reverse();
    const start = at.map((i, axis) => i * (strides[axis] ?? 1));
    const step = dilations.map((d) => d);
    const end = start.map((s, axis) => s + ((kernel[axis] ?? 1) - 1) * (step[axis] ?? 1) + 1);
    const whole = padded === x && start.every((s, i) => s === 0 && end[i] === sizes[i]) && step.every((d) => d === 1);
    const part = whole ? x : add('Slice', [padded, e.ints(start), e.ints(end), axes, e.ints(step)]);
    return add('Reshape', [part, e.ints([c, -1])]);
  });
  // [places · C, M], as one product where C is small
  const product = (operand: string) =>
    add('FusedMatMul', [operand, rows], { transB: { type: 'int', value: 1 } }, 'com.microsoft');
  const joint = (names: string[]) =>
    names.length === 1 ? (names[0] ?? '') : add('Concat', names, { axis: { type: 'int', value: 0 } });
  const all = c * places <= COLUMNS ? product(joint(parts)) : joint(parts.map(product));
  const split = add('Reshape', [all, e.ints([places, c, m])]);
  const ordered = add('Transpose', [split], { perm: { type: 'ints', value: [1, 2, 0] } });
  e.replace(node, [...nodes, e.named(output, 'Reshape', [ordered, e.ints([c, m, ...out])])]);
}
