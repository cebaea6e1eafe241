import type { Attrs, Graph, Node } from './types.js';

/** Whether a node has branches or a loop body. */
export function hasSubgraph({ attrs }: Node): boolean {
  for (const name in attrs) {
    const type = attrs[name]?.type;
    if (type === 'graph' || type === 'graphs') return true;
  }
  return false;
}

/** Subgraphs of a node: branches, loop bodies. */
export const subgraphs = (node: Node): readonly Graph[] =>
  hasSubgraph(node)
    ? Object.values(node.attrs).flatMap((a) =>
        a.type === 'graph' ? [a.value] : a.type === 'graphs' ? [...a.value] : [],
      )
    : NONE;
const NONE: readonly never[] = [];

const ownNames = (graph: Graph): Set<string> =>
  new Set([...graph.inputs.map((i) => i.name), ...graph.initializers.keys(), ...graph.nodes.flatMap((n) => n.outputs)]);

/** Names that a subgraph uses and does not make. */
export function freeNames(graph: Graph): string[] {
  const own = ownNames(graph);
  const used = [...graph.nodes.flatMap((n) => [...n.inputs, ...capturedNames(n)]), ...graph.outputs.map((o) => o.name)];
  return [...new Set(used)].filter((n) => n !== '' && !own.has(n));
}

/** Names of the enclosing graph that the subgraphs of a node use, each once. */
export function capturedNames(node: Node): readonly string[] {
  const inner = subgraphs(node);
  return inner.length === 0 ? NONE : [...new Set(inner.flatMap(freeNames))];
}

/** All names of values and nodes inside the subgraphs of a node, however deep. */
export function innerNames(node: Node): string[] {
  return subgraphs(node).flatMap((g) => [
    ...ownNames(g),
    ...g.nodes.flatMap((n) => [n.name, ...innerNames(n)]),
    ...g.outputs.map((o) => o.name),
  ]);
}

/** The attributes with `change` applied to each subgraph. */
export function mapSubgraphs(attrs: Attrs, change: (g: Graph) => Graph): Attrs {
  return Object.fromEntries(
    Object.entries(attrs).map(([name, a]) => [
      name,
      a.type === 'graph'
        ? { ...a, value: change(a.value) }
        : a.type === 'graphs'
          ? { ...a, value: a.value.map(change) }
          : a,
    ]),
  );
}

/** A subgraph that finds values of the enclosing graph under other names. */
function renameFree(graph: Graph, to: (name: string) => string): Graph {
  const free = new Set(freeNames(graph));
  const own = (name: string) => (free.has(name) ? to(name) : name);
  return {
    ...graph,
    nodes: graph.nodes.map((n) => renameUses(n, own)),
    outputs: graph.outputs.map((o) => ({ ...o, name: own(o.name) })),
  };
}

/** The node with other names for what it uses, in its subgraphs too; the very same one when no name changes. */
export function renameUses(node: Node, to: (name: string) => string): Node {
  const inputs = node.inputs.map((n) => (n === '' ? '' : to(n)));
  const deep = capturedNames(node).some((n) => to(n) !== n);
  if (!deep && inputs.every((n, i) => n === node.inputs[i])) return node;
  return { ...node, inputs, ...(deep ? { attrs: mapSubgraphs(node.attrs, (g) => renameFree(g, to)) } : {}) };
}
