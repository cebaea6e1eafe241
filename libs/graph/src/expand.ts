import { StrataError } from '@strata/kernel';
import type { Graph, Node, TensorData, ValueInfo } from './types.js';
import { hasSubgraph, mapSubgraphs, renameUses } from './uses.js';

/** What a node stands for: nodes over names of their own. An output may be an input. */
export type Body = Pick<Graph, 'nodes' | 'initializers'> & {
  readonly inputs: readonly Pick<ValueInfo, 'name'>[];
  readonly outputs: readonly Pick<ValueInfo, 'name'>[];
};

/** Calls within calls; a function that calls itself has no end. */
const DEEPEST = 64;

/**
 * Puts what a node stands for in its place, wherever `bodyOf` gives it: in subgraphs and in the bodies themselves too. Names inside begin with the node's name. Needs no types.
 * @throws StrataError `invalid_graph` when bodies call each other without end
 */
export function expandCalls(graph: Graph, bodyOf: (node: Node) => Body | undefined): Graph {
  return expandIn(graph, bodyOf, new Set(), 0);
}

function expandIn(graph: Graph, bodyOf: (node: Node) => Body | undefined, taken: Set<string>, depth: number): Graph {
  const nodes: Node[] = [];
  const initializers = new Map(graph.initializers);
  let changed = false;
  const add = (node: Node, level: number): void => {
    const body = bodyOf(node);
    if (!body && !hasSubgraph(node)) {
      nodes.push(node);
      return;
    }
    if (!body) {
      const attrs = mapSubgraphs(node.attrs, (g) => {
        const inner = expandIn(g, bodyOf, taken, level);
        changed ||= inner !== g;
        return inner;
      });
      nodes.push(changed ? { ...node, attrs } : node);
      return;
    }
    changed = true;
    if (level >= DEEPEST)
      throw new StrataError('invalid_graph', `${node.op} "${node.name}" stands for itself, again and again`, {
        where: { node: node.name },
      });
    for (const inner of placed(node, body, taken, initializers)) add(inner, level + 1);
  };
  for (const node of graph.nodes) add(node, depth);
  return changed ? { ...graph, nodes, initializers } : graph;
}

/** The nodes of a body under names that fit the node's surroundings. */
function placed(node: Node, body: Body, taken: Set<string>, initializers: Map<string, TensorData>): Node[] {
  let prefix = node.name;
  for (let i = 2; taken.has(prefix); i++) prefix = `${node.name}_${i}`;
  taken.add(prefix);
  const names = new Map<string, string>([['', '']]);
  body.inputs.forEach((input, i) => names.set(input.name, node.inputs[i] ?? ''));
  for (const [name, t] of body.initializers) {
    names.set(name, `${prefix}/${name}`);
    initializers.set(`${prefix}/${name}`, t);
  }
  const made = new Set(body.nodes.flatMap((n) => n.outputs));
  const copies: Node[] = [];
  body.outputs.forEach((o, i) => {
    const name = node.outputs[i] ?? '';
    if (name === '') return;
    if (made.has(o.name) && !names.has(o.name)) names.set(o.name, name);
    else
      copies.push({
        op: 'Identity',
        domain: '',
        name: `${name}/Identity`,
        inputs: [o.name],
        outputs: [name],
        attrs: {},
      });
  });
  const inside = (name: string) => {
    if (made.has(name) && !names.has(name)) names.set(name, `${prefix}/${name}`);
    return names.get(name) ?? name;
  };
  return [
    ...body.nodes.map((n) => ({
      ...renameUses(n, inside),
      name: `${prefix}/${n.name}`,
      outputs: n.outputs.map(inside),
    })),
    ...copies.map((n) => ({ ...n, inputs: n.inputs.map(inside) })),
  ];
}
