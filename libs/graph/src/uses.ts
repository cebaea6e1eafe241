import type { Graph, Node } from './types.js';

function free(graph: Graph): string[] {
  const own = new Set([
    ...graph.inputs.map((i) => i.name),
    ...graph.initializers.keys(),
    ...graph.nodes.flatMap((n) => n.outputs),
  ]);
  const used = [...graph.nodes.flatMap((n) => [...n.inputs, ...capturedNames(n)]), ...graph.outputs.map((o) => o.name)];
  return used.filter((n) => n !== '' && !own.has(n));
}

/** Names of the enclosing graph that the subgraphs of a node (branches, loop bodies) use. */
export function capturedNames(node: Node): string[] {
  return Object.values(node.attrs).flatMap((a) =>
    a.type === 'graph' ? free(a.value) : a.type === 'graphs' ? a.value.flatMap(free) : [],
  );
}
