import { GraphBuilder } from './builder.js';
import type { Value } from './ops/signatures.js';
import { eliminateDeadCode } from './passes.js';
import type { Graph, Node } from './types.js';
import { capturedNames } from './uses.js';

/** Emits what replaces a node and returns the value that stands for its only output; undefined keeps the node. Inputs of `node` are names in `b`. */
export type Rewrite = (node: Node, b: GraphBuilder) => Value | undefined;

/**
 * Replaces nodes one by one, in order, and removes what nothing uses afterwards. Graph inputs and outputs keep their names. A node with several outputs, or whose
 * output a subgraph uses by name, is not offered.
 */
export function rewriteNodes(graph: Graph, rewrite: Rewrite): Graph {
  const b = new GraphBuilder(graph.name, { opset: graph.opset });
  for (const [domain, version] of graph.domains) b.useDomain(domain, version);
  b.reserve(graph.nodes.flatMap((n) => [n.name, ...n.outputs]));
  for (const i of graph.inputs) b.adopt(i);
  for (const [name, t] of graph.initializers) b.initializer(name, t);
  const captured = new Set(graph.nodes.flatMap(capturedNames));
  const declared = new Map(graph.outputs.map((o) => [o.name, o]));
  const alias = new Map<string, string>();
  const to = (name: string) => alias.get(name) ?? name;
  for (const original of graph.nodes) {
    const inputs = original.inputs.map(to);
    const node = inputs.every((n, i) => n === original.inputs[i]) ? original : { ...original, inputs };
    const [output] = node.outputs;
    const open = output !== undefined && node.outputs.length === 1 && !captured.has(output);
    const value = open ? b.inSegment(node.segment, () => rewrite(node, b)) : undefined;
    if (open && value) alias.set(output, value.name);
    else b.append(node, declared);
  }
  for (const o of graph.outputs) b.output(o.name, b.value(to(o.name)));
  return eliminateDeadCode(b.build());
}
