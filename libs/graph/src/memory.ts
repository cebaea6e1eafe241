import { evalDim } from './dims.js';
import { inferValues } from './infer.js';
import { intAttr } from './ops/rule.js';
import type { Value } from './ops/signatures.js';
import { BYTES, byteLength } from './tensor.js';
import type { Graph, Node, Shape } from './types.js';
import { capturedNames } from './uses.js';

/** What the symbols of a graph's shapes stand for. */
export type Sizes = Readonly<Record<string, number>>;

/** Bytes of all constants. */
export const initializerBytes = (graph: Graph): number =>
  [...graph.initializers.values()].reduce((n, t) => n + byteLength(t), 0);

/** Sizes of a graph's symbols from the shapes of tensors fed to it. */
export function sizesFromFeeds(
  graph: Graph,
  feeds: Readonly<Record<string, { readonly dims: readonly number[] }>>,
): Record<string, number> {
  const sizes: Record<string, number> = {};
  for (const i of graph.inputs)
    i.shape.forEach((d, axis) => {
      const n = feeds[i.name]?.dims[axis];
      if (typeof d === 'string' && n !== undefined) sizes[d] = n;
    });
  return sizes;
}

export interface MemoryEstimate {
  /** Bytes of the inputs (of a training graph: weights, state and batch), of the constants, and of the outputs (gradients). */
  readonly inputs: number;
  readonly initializers: number;
  readonly outputs: number;
  /** Largest sum of values between inputs and outputs that are alive at one time, when nodes run in the order in which they stand. */
  readonly activations: number;
  /** Node at which `activations` is reached. */
  readonly at: string;
  /** Values that are alive there, largest first. */
  readonly alive: readonly { readonly name: string; readonly bytes: number }[];
  /** Values whose size is not known and counts as nothing. */
  readonly unknown: number;
}

/** Operators whose output the runtime lays over their input. */
const VIEWS: ReadonlySet<string> = new Set(['Reshape', 'Squeeze', 'Unsqueeze', 'Flatten', 'Identity']);

/**
 * Bytes that a run of the graph needs, from the life of each value: from the node that makes it to the last one that uses it.
 * @param sizes what the symbols stand for
 */
export function estimateMemory(graph: Graph, sizes: Sizes): MemoryEstimate {
  const values = inferValues(graph);
  let unknown = 0;
  const bytes = (name: string): number => {
    const v = values.get(name);
    const n = v && bytesOf(v, sizes);
    if (n === undefined) unknown++;
    return n ?? 0;
  };
  const outside = new Set([
    ...graph.inputs.map((i) => i.name),
    ...graph.initializers.keys(),
    ...graph.outputs.map((o) => o.name),
  ]);
  // a view lives in the memory of what it looks at
  const root = new Map<string, string>();
  const rootOf = (name: string): string => root.get(name) ?? name;
  const last = new Map<string, number>();
  const usesOf = (n: Node) => [...n.inputs, ...capturedNames(n)].filter((i) => i !== '');
  graph.nodes.forEach((n, i) => {
    for (const use of usesOf(n)) last.set(rootOf(use), i);
    const [source] = n.inputs;
    const [made] = n.outputs;
    if (n.domain === '' && VIEWS.has(n.op) && source && made && !outside.has(made)) root.set(made, rootOf(source));
  });
  const dies = new Map<number, string[]>();
  for (const [name, i] of last) dies.set(i, [...(dies.get(i) ?? []), name]);

  const alive = new Map<string, number>();
  let now = 0;
  let activations = 0;
  let at = '';
  let peak = -1;
  const born: { name: string; bytes: number; from: number }[] = [];
  graph.nodes.forEach((n, i) => {
    for (const made of n.outputs) {
      if (made === '' || outside.has(made) || root.has(made)) continue;
      const size = bytes(made);
      alive.set(made, size);
      born.push({ name: made, bytes: size, from: i });
      now += size;
    }
    if (now > activations) {
      activations = now;
      at = n.name;
      peak = i;
    }
    for (const name of [...(dies.get(i) ?? []), ...n.outputs.filter((o) => !last.has(o))]) {
      now -= alive.get(name) ?? 0;
      alive.delete(name);
    }
  });
  const sum = (of: readonly { readonly name: string }[]) => of.reduce((n, v) => n + bytes(v.name), 0);
  return {
    inputs: sum(graph.inputs),
    initializers: initializerBytes(graph),
    outputs: sum(graph.outputs),
    activations,
    at,
    alive: born
      .filter((v) => v.from <= peak && (last.get(v.name) ?? v.from) >= peak)
      .map(({ name, bytes: size }) => ({ name, bytes: size }))
      .sort((x, y) => y.bytes - x.bytes),
    unknown,
  };
}

function sizeOf(shape: Shape, sizes: Sizes): number | undefined {
  let n = 1;
  for (const d of shape) {
    const size = evalDim(d, sizes);
    if (size === undefined) return undefined;
    n *= size;
  }
  return n;
}

function bytesOf(v: Value, sizes: Sizes): number | undefined {
  const n = sizeOf(v.shape, sizes);
  return n === undefined ? undefined : n * BYTES[v.dtype];
}

/** Multiplications and additions (two for each pair) of the matrix products and convolutions of one run; what is of unknown size counts as nothing. */
export function productFlops(graph: Graph, sizes: Sizes): number {
  const values = inferValues(graph);
  const shape = (name: string | undefined): readonly number[] | undefined => {
    const v = name ? values.get(name) : undefined;
    const dims = v?.shape.map((d) => evalDim(d, sizes));
    return dims?.every((d) => d !== undefined) ? dims : undefined;
  };
  const count = (dims: readonly number[]) => dims.reduce((n, d) => n * d, 1);
  let flops = 0;
  for (const node of graph.nodes) {
    const [a, b, y] = [shape(node.inputs[0]), shape(node.inputs[1]), shape(node.outputs[0])];
    if (!a || !y) continue;
    if (node.op === 'MatMul' || node.op === 'FusedMatMul' || node.op === 'Gemm') {
      const transposed = intAttr(node.attrs, 'transA', 0) !== 0 && a.length > 1;
      flops += 2 * count(y) * (a.at(transposed ? -2 : -1) ?? 1);
    } else if (b && (node.op === 'Conv' || node.op === 'ConvTranspose'))
      // each output (of the transposed form: input) element sees one filter: its share of the channels times the kernel
      flops += 2 * count(node.op === 'Conv' ? y : a) * count(b.slice(1));
  }
  return flops;
}
