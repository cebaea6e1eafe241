import { foldConstants, eliminateDeadCode } from '../passes.js';
import type { Graph, Node } from '../types.js';
import { inferValues } from '../infer.js';
import type { Value } from '../ops/signatures.js';
import { sameShape } from '../dims.js';
import { renameUses } from '../uses.js';
import { trainableInitializers } from './weights.js';
import { upgradeOpset } from './upgrade.js';

/** Results of more elements than a position table has stay nodes. */
const LARGEST_FOLDED = 65_536;

/** Dropout, unless it is kept; Cast to the type that it has; Expand, Reshape to the shape that it has: nodes that change nothing. */
function changesNothing(node: Node, x: Value | undefined, y: Value | undefined, dropout: boolean): boolean {
  if (node.domain !== '' || !x || !y) return false;
  switch (node.op) {
    case 'Identity':
      return true;
    case 'Dropout':
      return !dropout;
    case 'Cast':
    case 'CastLike':
      return x.dtype === y.dtype;
    case 'Expand':
    case 'Reshape':
    case 'Tile':
      return sameShape(x.shape, y.shape);
    case 'Sum':
    case 'Mean':
    case 'Max':
    case 'Min':
    case 'Concat':
      return node.inputs.length === 1;
    default:
      return false;
  }
}

/** Removes nodes that change nothing. One that gives an output of the graph its name stays. */
export function removeNoOps(graph: Graph, options: { dropout?: boolean } = {}): Graph {
  const values = inferValues(graph);
  const outputs = new Set(graph.outputs.map((o) => o.name));
  const alias = new Map<string, string>();
  const nodes: Node[] = [];
  for (const n of graph.nodes) {
    const node = renameUses(n, (name) => alias.get(name) ?? name);
    const [x, y, ...more] = [node.inputs[0], ...node.outputs];
    const only =
      more.every((o) => o === '' || !graph.nodes.some((k) => k.inputs.includes(o))) &&
      !more.some((o) => outputs.has(o));
    if (
      x &&
      y &&
      only &&
      !outputs.has(y) &&
      changesNothing(node, values.get(x), values.get(y), options.dropout ?? false)
    )
      alias.set(y, x);
    else nodes.push(node);
  }
  return alias.size === 0 ? graph : eliminateDeadCode({ ...graph, nodes });
}

/**
 * An imported model as differentiation and training take it: in Strata's operator set (or its own, if that is newer), with the arithmetic of shapes worked out and without nodes that
 * change nothing. Computes the same. Constants that may be promoted to parameters stay as they are.
 * @param options.dropout keeps Dropout nodes, for `promoteInitializers` with dropout
 * @throws StrataError `unsupported_operator` when a node's old form has no new one
 */
export function normalizeModel(graph: Graph, options: { dropout?: boolean } = {}): Graph {
  const upgraded = upgradeOpset(graph);
  // Constant nodes become constants first, so that weights among them are known before anything is worked out
  const plain = foldConstants(eliminateDeadCode(upgraded), { largest: 0 });
  const weights = new Set(trainableInitializers(plain));
  const folded = foldConstants(plain, { largest: LARGEST_FOLDED, keep: (name) => weights.has(name) });
  return eliminateDeadCode(removeNoOps(folded, options));
}
