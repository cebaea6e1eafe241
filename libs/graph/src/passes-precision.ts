import { GraphBuilder } from './builder.js';
import type { Value } from './ops/signatures.js';
import { eliminateDeadCode } from './passes.js';
import type { DType, Graph, Node } from './types.js';
import { capturedNames } from './uses.js';

/** Operators worth their while in half precision: their work grows faster than their operands. */
const PRODUCTS: ReadonlySet<string> = new Set(['MatMul', 'FusedMatMul', 'Gemm', 'Conv', 'ConvTranspose', 'Einsum']);

/** Operators that lose no more than the rounding of their result, so they stay in half when all they see is half. */
const FOLLOWERS: ReadonlySet<string> = new Set([
  ...['Add', 'Sub', 'Mul', 'Neg', 'Relu', 'LeakyRelu', 'Tanh', 'Sigmoid', 'Gelu', 'Where', 'Max', 'Min', 'Clip'],
  ...['Reshape', 'Transpose', 'Squeeze', 'Unsqueeze', 'Flatten', 'Expand', 'Concat', 'Split', 'Slice', 'Pad', 'Tile'],
  ...['Identity', 'Gather', 'DepthToSpace', 'SpaceToDepth', 'MaxPool', 'GlobalMaxPool'],
]);

/** float16 ends at 65504. */
const LARGEST_SCALE = 1e4;

export interface PrecisionOptions {
  /** `float16` needs loss scaling; `bfloat16` has the range of float32, but few devices have it. */
  readonly dtype?: 'float16' | 'bfloat16';
  /** Nodes that stay in float32 all the same. */
  readonly exact?: (node: Node) => boolean;
}

/**
 * Mixed precision (Micikevicius et al. 2018, arXiv 1710.03740) for a forward graph, before it is differentiated: matrix products and convolutions take and give halves, arithmetic and
 * moves that follow them stay in half, everything else (softmax, norms, reductions, losses) is computed in float32. Inputs, parameters and outputs stay float32, so the optimiser updates
 * float32 weights; gradients pass through the same casts.
 */
export function mixedPrecision(graph: Graph, options: PrecisionOptions = {}): Graph {
  const { dtype = 'float16', exact = () => false } = options;
  const b = new GraphBuilder(graph.name, { opset: graph.opset });
  for (const [domain, version] of graph.domains) b.useDomain(domain, version);
  b.reserve(graph.nodes.flatMap((n) => [n.name, ...n.outputs]));
  for (const i of graph.inputs) b.input(i.name, i.dtype, i.shape);
  for (const [name, t] of graph.initializers) b.initializer(name, t);
  const declared = new Map(graph.outputs.map((o) => [o.name, o]));
  const parameters = new Set(graph.inputs.map((i) => i.name));
  const captured = new Set(graph.nodes.flatMap(capturedNames));

  // the value that stands for a name now, and its casts
  const current = new Map<string, Value>();
  const casts = new Map<string, Value>();
  const valueOf = (name: string): Value | undefined => current.get(name) ?? (b.has(name) ? b.value(name) : undefined);
  const as = (name: string, wanted: DType): Value | undefined => {
    const v = valueOf(name);
    if (!v || v.dtype === wanted || !(v.dtype === 'float32' || v.dtype === dtype)) return v;
    const key = `${v.name} ${wanted}`;
    let cast = casts.get(key);
    if (!cast) casts.set(key, (cast = b.inSegment(undefined, () => b.op.Cast(v, wanted))));
    return cast;
  };

  for (const node of graph.nodes) {
    const inputs = node.inputs.map((n) => (n === '' ? undefined : valueOf(n)));
    const typed = node.inputs.every((n, i) => n === '' || inputs[i] !== undefined);
    const plain = capturedNames(node).length === 0 && !node.outputs.some((o) => captured.has(o));
    const floats = inputs.flatMap((v) => (v && (v.dtype === 'float32' || v.dtype === dtype) ? [v] : []));
    const moving = floats.filter((v) => !isSmallNumber(v));
    const half =
      typed &&
      plain &&
      !exact(node) &&
      (PRODUCTS.has(node.op)
        ? floats.length > 0
        : FOLLOWERS.has(node.op) && moving.some((v) => v.dtype === dtype) && moving.every(fits));
    const ins = node.inputs.map((n) => (n === '' ? undefined : as(n, half ? dtype : 'float32')));
    if (!half) {
      b.append({ ...node, inputs: node.inputs.map((n, i) => ins[i]?.name ?? n) }, declared);
      continue;
    }
    const outputs = b.inSegment(node.segment, () =>
      b.node(node.op, ins, node.attrs, { domain: node.domain, outputs: node.outputs.length, name: node.name }),
    );
    node.outputs.forEach((name, i) => {
      const v = outputs[i];
      if (name !== '' && v) current.set(name, v);
    });
  }
  for (const o of graph.outputs) b.output(o.name, as(o.name, o.dtype) ?? b.value(o.name));
  return eliminateDeadCode(b.build());

  /** A value that takes part in half: it is half already, or a bias. */
  function fits(v: Value): boolean {
    return v.dtype === dtype || (v.shape.length === 1 && typeof v.shape[0] === 'number' && parameters.has(v.name));
  }
  /** A constant scale. Large ones, such as what masks add, have no half. */
  function isSmallNumber(v: Value): boolean {
    const t = graph.initializers.get(v.name);
    return t !== undefined && t.data.length === 1 && Math.abs(Number(t.data[0])) < LARGEST_SCALE;
  }
}
