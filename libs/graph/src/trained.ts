import { StrataError } from '@strata/kernel';
import { GraphBuilder } from './builder.js';
import { ruleOf } from './infer.js';
import type { Vjp } from './ops/rule.js';
import type { Graph, Node } from './types.js';
import { capturedNames } from './uses.js';

/** Ends a differentiation with an error that names the node. */
export const failureOf =
  (node: Node) =>
  (problem: string): never => {
    throw new StrataError('not_differentiable', `${node.op} "${node.name}": ${problem}`, {
      where: { node: node.name },
    });
  };

/**
 * The graph in a builder, each node on the way of a gradient whose operator has a trained form replaced by it, under the names of its outputs; and their gradients. Undefined when
 * there is none.
 */
export function trainedForm(
  graph: Graph,
  active: ReadonlySet<string>,
): { readonly b: GraphBuilder; readonly vjps: ReadonlyMap<Node, Vjp> } | undefined {
  const formOf = (node: Node) =>
    [...node.inputs, ...capturedNames(node)].some((i) => active.has(i)) && node.outputs.some((o) => active.has(o))
      ? ruleOf(node, graph)?.trained
      : undefined;
  if (!graph.nodes.some(formOf)) return undefined;
  const used = new Set([
    ...graph.outputs.map((o) => o.name),
    ...graph.nodes.flatMap((n) => [...n.inputs, ...capturedNames(n)]),
  ]);
  const b = new GraphBuilder(graph.name, { opset: graph.opset });
  for (const [domain, version] of graph.domains) b.useDomain(domain, version);
  b.reserve(graph.nodes.flatMap((n) => [n.name, ...n.outputs]));
  for (const i of graph.inputs) b.adopt(i);
  for (const [name, t] of graph.initializers) b.initializer(name, t);
  const declared = new Map(graph.outputs.map((o) => [o.name, o]));
  const vjps = new Map<Node, Vjp>();
  for (const node of graph.nodes) {
    const form = formOf(node);
    if (!form) {
      b.append(node, declared);
      continue;
    }
    const inputs = node.inputs.map((n) => (n === '' ? undefined : b.value(n)));
    const fail = failureOf(node);
    const { outputs, vjp } = b.scope(node.name, () =>
      form({
        op: b.op,
        attrs: node.attrs,
        inputs,
        captured: capturedNames(node).map((n) => b.value(n)),
        input: (i) => inputs[i] ?? fail(`it has no input ${i}`),
        wanted: (i) => (node.outputs[i] ?? '') !== '' && used.has(node.outputs[i] ?? ''),
        node: (op, ins, attrs, options) => b.node(op, ins, attrs, options),
        body: (name, ins, fill) => b.body(name, ins, fill),
        inline: (g, ins) => b.inline(g, ins),
        constant: (t) => b.constant(t),
        scalar: (v, dtype) => b.scalar(v, dtype),
        ints: (v) => b.ints(v),
        fail,
      }),
    );
    vjps.set(node, vjp);
    node.outputs.forEach((name, i) => {
      const made = outputs[i];
      if (name !== '' && made)
        b.append({
          op: 'Identity',
          domain: '',
          name: `${name}/Identity`,
          inputs: [made.name],
          outputs: [name],
          attrs: {},
        });
    });
  }
  for (const o of graph.outputs) b.output(o.name, b.value(o.name));
  return { b, vjps };
}
