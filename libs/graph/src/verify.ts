import { StrataError } from '@strata/kernel';
import { showShape } from './dims.js';
import { inferValues } from './infer.js';
import { capturedNames, subgraphs } from './uses.js';
import { elements } from './tensor.js';
import type { Dim, Graph, Node } from './types.js';

/** Newest version of the default operator set that the runtime (ONNX Runtime 1.30) takes. */
const NEWEST_OPSET = 25;

const broken = (problem: string, node: string): StrataError =>
  new StrataError('invalid_graph', problem, { where: { node } });
const compatible = (a: readonly Dim[], b: readonly Dim[]): boolean =>
  a.length === b.length && a.every((d, i) => typeof d === 'string' || typeof b[i] === 'string' || d === b[i]);

/**
 * Checks that a graph keeps the rules of ONNX: every value has one maker, is made before it is used, has a type that its operators accept; outputs exist
 * with the declared type; operator sets are known. Run after every pass.
 * @returns the same graph
 * @throws StrataError `invalid_graph`, naming the node or value
 */
export function verify(graph: Graph): Graph {
  if (!Number.isInteger(graph.opset) || graph.opset < 1 || graph.opset > NEWEST_OPSET)
    throw broken(`operator set ${graph.opset} is not known; the newest is ${NEWEST_OPSET}`, graph.name);
  checkNames(graph, new Set());
  const values = inferValues(graph);
  for (const o of graph.outputs) {
    const v = values.get(o.name);
    if (v && (v.dtype !== o.dtype || !compatible(v.shape, o.shape)))
      throw broken(
        `the output "${o.name}" is declared as ${o.dtype} ${showShape(o.shape)} but is ${v.dtype} ${showShape(v.shape)}`,
        o.name,
      );
  }
  return graph;
}

/** What makes a value. */
type Maker = Node | 'input' | 'constant';
const describe = (maker: Maker, value: string): string =>
  typeof maker === 'string' ? `${maker} "${value}"` : `node "${maker.name}"`;

/** Names of a graph, and of its subgraphs, which see those of the graph around them. */
function checkNames(graph: Graph, outer: ReadonlySet<string>): void {
  const made = new Map<string, Maker>();
  const define = (name: string, maker: Maker): void => {
    if (name === '') throw broken(`${describe(maker, name)} has no name`, describe(maker, name));
    const other = made.get(name);
    if (other !== undefined)
      throw broken(`two values are named "${name}": ${describe(other, name)} and ${describe(maker, name)}`, name);
    made.set(name, maker);
  };
  const require = (name: string, node: Node): void => {
    if (name === '' || made.has(name) || outer.has(name)) return;
    const later = graph.nodes.find((n) => n.outputs.includes(name));
    throw broken(
      later
        ? `${node.op} "${node.name}" uses "${name}" before "${later.name}" makes it: nodes are not in topological order`
        : `${node.op} "${node.name}" uses "${name}", which nothing makes`,
      node.name,
    );
  };
  for (const i of graph.inputs) define(i.name, 'input');
  for (const [name, t] of graph.initializers) {
    define(name, 'constant');
    if (t.data.length !== elements(t.dims))
      throw broken(`constant "${name}" has ${t.data.length} values for the shape ${showShape(t.dims)}`, name);
  }
  for (const node of graph.nodes) {
    for (const name of node.inputs) require(name, node);
    for (const name of capturedNames(node)) require(name, node);
    for (const inner of subgraphs(node))
      checkNames({ ...inner, domains: graph.domains }, new Set([...outer, ...made.keys()]));
    if (node.domain !== '' && !graph.domains.has(node.domain))
      throw broken(
        `${node.op} "${node.name}" is of the domain "${node.domain}", whose version the graph does not give`,
        node.name,
      );
    for (const o of node.outputs) if (o !== '') define(o, node);
  }
  const seen = new Set<string>();
  for (const o of graph.outputs) {
    if (seen.has(o.name)) throw broken(`two outputs are named "${o.name}"`, o.name);
    seen.add(o.name);
    if (!made.has(o.name) && !outer.has(o.name)) throw broken(`nothing makes the output "${o.name}"`, o.name);
  }
}
