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
  const matrix = (name: string, rows: number): string => add('Reshape', [name, e.ints([rows, -1])]);
  const product = (left: string, right: string): string =>
    add('FusedMatMul', [left, right], { transB: { type: 'int', value: 1 } }, 'com.microsoft');
  const joint = (names: readonly string[]): string =>
    names.length === 1 ? (names[0] ?? '') : add('Concat', names, { axis: { type: 'int', value: 0 } });

  const unit = [...strides, ...dilations].every((s) => s === 1);
  const same = unit && rank === 2 && sizes.every((d, i) => d === kernel[i]) && c * places > COLUMNS;
  let all: string;
  if (same) {
    // image and kernel are of one size: shifts of the one along columns and of the other along rows meet at every place, with fewer copies
    const shifted = (name: string, axis: number, by: number): string => {
      const before = range(4).map((a) => (a === axis ? -by : 0));
      return by === 0 ? name : add('Pad', [name, e.ints([...before, ...before.map((p) => -p)])]);
    };
    const [top = 0, left = 0] = pads;
    const columns = range(out[1] ?? 1).map((j) => matrix(shifted(x, 3, j - left), c));
    const rows = range(out[0] ?? 1).map((i) => matrix(shifted(w, 2, top - i), m));
    all = joint(rows.flatMap((row) => columns.map((column) => product(column, row))));
  } else {
    const rows = matrix(w, m);
    const padded = pads.every((p) => p === 0)
      ? x
      : add('Pad', [x, e.ints([0, 0, ...pads.slice(0, rank), 0, 0, ...pads.slice(rank)])]);
    const axes = e.ints(range(rank).map((i) => i + 2));
    const parts = range(places).map((place) => {
      const start = coordinates(place, out).map((i, axis) => i * (strides[axis] ?? 1));
      const end = start.map((s, axis) => s + ((kernel[axis] ?? 1) - 1) * (dilations[axis] ?? 1) + 1);
      const whole = padded === x && unit && start.every((s, i) => s === 0 && end[i] === sizes[i]);
      return matrix(whole ? x : add('Slice', [padded, e.ints(start), e.ints(end), axes, e.ints(dilations)]), c);
    });
    // as one product where there are few channels
    all = c * places <= COLUMNS ? product(joint(parts), rows) : joint(parts.map((part) => product(part, rows)));
  }
  // [places · C, M]
  const split = add('Reshape', [all, e.ints([places, c, m])]);
  const ordered = add('Transpose', [split], { perm: { type: 'ints', value: [1, 2, 0] } });
  e.replace(node, [...nodes, e.named(output, 'Reshape', [ordered, e.ints([c, m, ...out])])]);
}

/** Where place number `place` lies, the last axis being the fastest. */
function coordinates(place: number, sizes: readonly number[]): number[] {
  let rest = place;
  const at = [...sizes].reverse().map((d) => {
    const i = rest % d;
    rest = Math.floor(rest / d);
    return i;
  });
  return at.reverse();
}
