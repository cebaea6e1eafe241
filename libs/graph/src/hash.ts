import { createHash, type Hash } from 'node:crypto';
import { toBytes } from './tensor.js';
import type { Attr, Graph, TensorData } from './types.js';

function addTensor(h: Hash, t: TensorData): void {
  h.update(JSON.stringify([t.dtype, t.dims]));
  h.update(t.dtype === 'string' ? JSON.stringify(t.data) : toBytes(t));
}

function addAttr(h: Hash, attr: Attr): void {
  h.update(attr.type);
  if (attr.type === 'tensor') addTensor(h, attr.value);
  else if (attr.type === 'tensors') for (const t of attr.value) addTensor(h, t);
  else if (attr.type === 'graph') addGraph(h, attr.value);
  else if (attr.type === 'graphs') for (const g of attr.value) addGraph(h, g);
  else h.update(JSON.stringify(attr.value));
}

function addGraph(h: Hash, graph: Graph): void {
  h.update(JSON.stringify([graph.opset, [...graph.domains].sort(), graph.inputs, graph.outputs]));
  for (const [name, t] of [...graph.initializers].sort(([a], [b]) => (a < b ? -1 : 1))) {
    h.update(JSON.stringify(name));
    addTensor(h, t);
  }
  for (const n of graph.nodes) {
    h.update(JSON.stringify([n.domain, n.op, n.inputs, n.outputs]));
    for (const [name, attr] of Object.entries(n.attrs).sort(([a], [b]) => (a < b ? -1 : 1))) {
      h.update(JSON.stringify(name));
      addAttr(h, attr);
    }
  }
}

/** SHA-256 in hex of what a graph computes: operators, wiring, attributes, constants, types. Names of nodes and of the graph do not count; names of values do. */
export function graphHash(graph: Graph): string {
  const h = createHash('sha256');
  addGraph(h, graph);
  return h.digest('hex');
}
