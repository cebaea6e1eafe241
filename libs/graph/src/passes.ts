import { evaluateNode } from './evaluate/evaluate.js';
import { constantOf } from './ops/constant.js';
import { inferValues } from './infer.js';
import type { Value } from './ops/signatures.js';
import { contentKey, tensorOf } from './tensor.js';
import type { Attr, Graph, Node, TensorData } from './types.js';
import { capturedNames, renameUses } from './uses.js';
import { verify } from './verify.js';

/** Operators that give another result each time. */
const RANDOM: ReadonlySet<string> = new Set([
  'RandomNormal',
  'RandomNormalLike',
  'RandomUniform',
  'RandomUniformLike',
  'Bernoulli',
  'Multinomial',
  'Dropout',
]);

/** Whether a node may give another result when it runs again. */
export const isRandom = (node: Node): boolean => RANDOM.has(node.op);

/** Removes nodes and constants on which no output depends. Inputs stay: they are the graph's interface. */
export function eliminateDeadCode(graph: Graph): Graph {
  const used = new Set(graph.outputs.map((o) => o.name));
  const kept: Node[] = [];
  for (const node of [...graph.nodes].reverse()) {
    if (!node.outputs.some((o) => used.has(o))) continue;
    kept.push(node);
    for (const n of [...node.inputs, ...capturedNames(node)]) used.add(n);
  }
  const initializers = new Map([...graph.initializers].filter(([name]) => used.has(name)));
  return verify({ ...graph, nodes: kept.reverse(), initializers });
}

const attrKey = (a: Attr): string => (a.type === 'tensor' ? contentKey(a.value) : JSON.stringify(a));
const LARGEST_SHARED = 1024;

/** Keeps one of several nodes (and small constants) that compute the same. */
export function eliminateCommonSubexpressions(graph: Graph): Graph {
  const outputs = new Set(graph.outputs.map((o) => o.name));
  const alias = new Map<string, string>();
  const to = (n: string) => alias.get(n) ?? n;
  const seen = new Map<string, readonly string[]>();
  const initializers = new Map<string, TensorData>();
  for (const [name, t] of graph.initializers) {
    const key = t.data.length <= LARGEST_SHARED && !outputs.has(name) ? contentKey(t) : undefined;
    const [old] = (key === undefined ? undefined : seen.get(key)) ?? [];
    if (old !== undefined) alias.set(name, old);
    else {
      initializers.set(name, t);
      if (key !== undefined) seen.set(key, [name]);
    }
  }
  const nodes: Node[] = [];
  for (const n of graph.nodes) {
    const node = renameUses(n, to);
    const plain =
      !isRandom(node) &&
      !Object.values(node.attrs).some((a) => a.type === 'graph' || a.type === 'graphs' || a.type === 'tensors');
    const attrs = Object.entries(node.attrs).sort(([a], [b]) => (a < b ? -1 : 1));
    const key = plain
      ? JSON.stringify([node.domain, node.op, node.inputs, node.outputs.length, attrs.map(([k, a]) => [k, attrKey(a)])])
      : undefined;
    const old = key === undefined ? undefined : seen.get(key);
    // a value that is an output of the graph keeps its name and node
    if (old && node.outputs.every((o, i) => !outputs.has(o) && (o === '' || old[i] !== '')))
      node.outputs.forEach((o, i) => alias.set(o, old[i] ?? o));
    else {
      nodes.push(node);
      if (key !== undefined) seen.set(key, node.outputs);
    }
  }
  return verify({ ...graph, nodes, initializers });
}

/** Results of more elements stay nodes: a mask of a whole batch costs more in a file than at run time. */
const LARGEST_FOLDED = 1024;

/**
 * Replaces what is known when the graph is built (shapes, their arithmetic, Constant nodes, what follows from constants alone) by constants, and skips Identity.
 * @param options.largest most elements of a result that is worked out
 * @param options.keep constants that nothing is worked out from
 */
export function foldConstants(
  graph: Graph,
  { largest = LARGEST_FOLDED, keep = () => false }: { largest?: number; keep?: (name: string) => boolean } = {},
): Graph {
  const values = inferValues(graph);
  const outputs = new Set(graph.outputs.map((o) => o.name));
  const captured = new Set(graph.nodes.flatMap(capturedNames));
  const initializers = new Map(graph.initializers);
  const alias = new Map<string, string>();
  const nodes: Node[] = [];
  for (const n of graph.nodes) {
    const node = renameUses(n, (i) => alias.get(i) ?? i);
    const [name, ...more] = node.outputs;
    const fixed = name !== undefined && more.length === 0 && !outputs.has(name) && !captured.has(name);
    const value = fixed ? values.get(name) : undefined;
    const constant =
      fixed && node.op === 'Constant' && node.domain === ''
        ? constantOf(node.attrs)
        : fixed && within(value, largest) && !node.inputs.some(keep)
          ? evaluated(node, initializers)
          : undefined;
    const known = value?.known?.every((d) => typeof d === 'number') ? value.known : undefined;
    if (fixed && constant) initializers.set(name, constant);
    else if (fixed && value && known) initializers.set(name, tensorOf(value.dtype, value.shape.map(Number), known));
    else if (fixed && node.op === 'Identity' && node.inputs[0]) alias.set(name, node.inputs[0]);
    else nodes.push(node);
  }
  return verify({ ...graph, nodes, initializers });
}

const within = (v: Value | undefined, largest: number): boolean =>
  v !== undefined &&
  v.shape.every((d) => typeof d === 'number') &&
  v.shape.reduce<number>((n, d) => n * Number(d), 1) <= largest;

function evaluated(node: Node, constants: ReadonlyMap<string, TensorData>): TensorData | undefined {
  const inputs = node.inputs.map((i) => constants.get(i));
  return node.inputs.length > 0 && inputs.every((t) => t !== undefined) ? evaluateNode(node, inputs) : undefined;
}

/** The passes in the order in which each helps the next. */
export function optimizeGraph(graph: Graph): Graph {
  return eliminateDeadCode(eliminateCommonSubexpressions(foldConstants(eliminateDeadCode(graph))));
}
