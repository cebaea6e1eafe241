import type { VjpContext } from './rule.js';
import type { Value } from './signatures.js';

/**
 * The adjoint of an operator that picks elements of its first input: `pick` picks the same from a tensor that holds each element's number, which says where each element of
 * the adjoint belongs. Elements that were picked twice get both.
 */
export function scatterPicked(c: VjpContext, pick: (numbers: Value) => Value): Value {
  const x = c.input(0);
  const size = c.op.Size(x);
  const numbers = c.op.Reshape(c.op.Range(c.scalar(0, 'int64'), size, c.scalar(1, 'int64')), c.shapeOf(x));
  const zeros = c.op.Expand(c.scalar(0, x.dtype), c.op.Reshape(size, [1]));
  const places = c.op.Reshape(pick(numbers), [-1]);
  return c.reshapeLike(c.op.ScatterElements(zeros, places, c.op.Reshape(c.grad, [-1]), { reduction: 'add' }), x);
}
