import { intAttr, type OpRule } from './rule.js';
import { real, sample } from './samples.js';
import { sameAsInput } from './elementwise.js';
import { tensorOf } from '../tensor.js';

export const CumSum: OpRule<'CumSum'> = {
  since: 11,
  arity: [2, 2],
  attrs: { exclusive: 'int', reverse: 'int' },
  differentiable: [0],
  infer: sameAsInput,
  emit: (b, x, axis, { exclusive = false, reverse = false } = {}) => {
    const [y] = b.node('CumSum', [x, b.constant(tensorOf('int64', [], [axis]))], {
      exclusive: { type: 'int', value: exclusive ? 1 : 0 },
      reverse: { type: 'int', value: reverse ? 1 : 0 },
    });
    return y ?? x;
  },
  // an element counts in all later sums: the cumulative sum of the adjoint in the other direction
  vjp: (c) => {
    const [g] = c.node('CumSum', [c.grad, c.input(1)], {
      exclusive: { type: 'int', value: intAttr(c.attrs, 'exclusive', 0) },
      reverse: { type: 'int', value: 1 - intAttr(c.attrs, 'reverse', 0) },
    });
    return [g];
  },
  samples: [
    sample('forward', { x: real([2, 3]) }, (op, { x }) => op.CumSum(x, 1)),
    sample('exclusive, reverse', { x: real([2, 3]) }, (op, { x }) =>
      op.CumSum(x, 0, { exclusive: true, reverse: true }),
    ),
  ],
};
