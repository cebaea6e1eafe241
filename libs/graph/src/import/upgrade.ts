import { StrataError } from '@strata/kernel';
import { DEFAULT_OPSET, GraphBuilder } from '../builder.js';
import type { Graph, Node, TensorData, TensorType } from '../types.js';
import { innerNames, mapSubgraphs, subgraphs } from '../uses.js';
import { verify } from '../verify.js';
import { CONVERTERS, type Conversion } from './converters.js';

/** Oldest operator set that is read: before it, broadcasting was said by attributes. */
const OLDEST = 7;

/**
 * The same model in a newer operator set, subgraphs too. A model of that set or a newer one stays as it is.
 * @throws StrataError `unsupported_operator` for operator sets below 7, and naming a node whose old form has no new one
 */
export function upgradeOpset(graph: Graph, target: number = DEFAULT_OPSET): Graph {
  if (graph.opset >= target) return graph;
  if (graph.opset < OLDEST)
    throw new StrataError(
      'unsupported_operator',
      `the model is written for operator set ${graph.opset}, Strata reads ${OLDEST} and later. Export it for operator set 13 or later.`,
    );
  const b = new GraphBuilder(graph.name, { opset: target });
  for (const [domain, version] of graph.domains) b.useDomain(domain, version);
  const taken = new Set([
    ...graph.inputs.map((i) => i.name),
    ...graph.initializers.keys(),
    ...graph.nodes.flatMap((n) => [n.name, ...n.outputs, ...innerNames(n)]),
  ]);
  const fresh = (base: string): string => {
    let name = base;
    for (let i = 2; taken.has(name); i++) name = `${base}_${i}`;
    taken.add(name);
    return name;
  };
  for (const i of graph.inputs) b.input(i.name, i.dtype, i.shape);
  for (const [name, t] of graph.initializers) b.initializer(name, t);
  const declared = new Map(graph.outputs.map((o) => [o.name, o]));
  const type = (name: string | undefined) => (name && b.has(name) ? b.value(name) : undefined);
  const initializers = new Map(graph.initializers);
  const add = (name: string, data: TensorData) => {
    initializers.set(name, data);
    b.initializer(name, data);
  };
  const nodes: Node[] = [];
  for (const node of graph.nodes)
    for (const n of converted(node, { fresh, type, add, from: graph.opset, to: target })) {
      b.append(n, declared);
      nodes.push(n);
    }
  return verify({ ...graph, opset: target, nodes, initializers });
}

interface Names {
  fresh(base: string): string;
  type(name: string | undefined): TensorType | undefined;
  add(name: string, data: TensorData): void;
  readonly from: number;
  readonly to: number;
}

function converted(original: Node, names: Names): readonly Node[] {
  const node: Node =
    subgraphs(original).length === 0
      ? original
      : { ...original, attrs: mapSubgraphs(original.attrs, (g) => convertedBody(g, names)) };
  const steps =
    node.domain === '' ? (CONVERTERS[node.op] ?? []).filter((s) => names.from < s.until && s.until <= names.to) : [];
  const context: Conversion = {
    fresh: names.fresh,
    type: names.type,
    constant(data) {
      const name = names.fresh(`${node.name}/const`);
      names.add(name, data);
      return name;
    },
    fail(problem) {
      throw new StrataError(
        'unsupported_operator',
        `${node.op} "${node.name}" cannot be brought from operator set ${names.from} to ${names.to}: ${problem}`,
        { where: { node: node.name } },
      );
    },
  };
  return steps.reduce<readonly Node[]>(
    (list, step) => list.flatMap((n) => (n.op === node.op ? step.convert(n, context) : [n])),
    [node],
  );
}

/** A subgraph; the types of what it makes itself are not known here. */
function convertedBody(graph: Graph, names: Names): Graph {
  const initializers = new Map(graph.initializers);
  const own = new Set([...graph.inputs.map((i) => i.name), ...graph.nodes.flatMap((n) => n.outputs)]);
  const inner: Names = {
    ...names,
    add: (name, t) => void initializers.set(name, t),
    type(name) {
      const t = name === undefined ? undefined : initializers.get(name);
      if (t) return { dtype: t.dtype, shape: t.dims };
      return name !== undefined && own.has(name) ? undefined : names.type(name);
    },
  };
  const nodes = graph.nodes.flatMap((n) => converted(n, inner));
  return { ...graph, nodes, initializers, opset: names.to };
}
