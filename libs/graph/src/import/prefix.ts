import type { Graph } from '../types.js';
import { renameUses } from '../uses.js';

/** The same graph with all its names (not those inside subgraphs) behind a prefix, so that it can stand beside another's. */
export function prefixValues(graph: Graph, prefix: string): Graph {
  const to = (name: string) => (name === '' ? '' : prefix + name);
  const named = <T extends { readonly name: string }>(list: readonly T[]) =>
    list.map((v) => ({ ...v, name: to(v.name) }));
  return {
    ...graph,
    inputs: named(graph.inputs),
    outputs: named(graph.outputs),
    initializers: new Map([...graph.initializers].map(([name, t]) => [to(name), t])),
    nodes: graph.nodes.map((n) => ({ ...renameUses(n, to), name: to(n.name), outputs: n.outputs.map(to) })),
  };
}
