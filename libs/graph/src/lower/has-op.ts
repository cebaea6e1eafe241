import type { Graph } from '../types.js';

/** Whether a graph (not its subgraphs) has a node of this operator. */
export const hasOp = (graph: Graph, domain: string, op: string): boolean =>
  graph.nodes.some((n) => n.op === op && n.domain === domain);
