import type { Node, TensorData } from '../types.js';
import { MOVES } from './moves.js';
import { NUMBERS } from './numbers.js';

/**
 * What a node of the default domain gives for constant inputs: the operators that exporters emit for the arithmetic of shapes, masks and scalars. Floating results are those that
 * round correctly, so a folded model computes what it computed. Undefined leaves the node as it is.
 */
export function evaluateNode(node: Node, inputs: readonly TensorData[]): TensorData | undefined {
  if (node.domain !== '' || node.outputs.length !== 1 || node.inputs.includes('')) return undefined;
  const evaluate = MOVES[node.op] ?? NUMBERS[node.op];
  return evaluate?.(inputs, node.attrs);
}
