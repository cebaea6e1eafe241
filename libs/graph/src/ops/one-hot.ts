import { intAttr, type OpRule, zeroGradient } from './rule.js';
import { ints, real, sample } from './samples.js';
import { tensorOf } from '../tensor.js';

export const OneHot: OpRule<'OneHot'> = {
  since: 9,
  arity: [3, 3],
  attrs: { axis: 'int' },
  // indices and the two values are constants of a model
  differentiable: [],
  infer: (ctx) => {
    const [indices, depth, values] = [ctx.input(0), ctx.input(1), ctx.input(2)];
    const rank = indices.shape.length;
    const given = intAttr(ctx.attrs, 'axis', -1);
    if (given < -rank - 1 || given > rank) ctx.fail(`axis ${given} does not exist in its result of rank ${rank + 1}`);
    const axis = given < 0 ? given + rank + 1 : given;
    return [
      {
        dtype: values.dtype,
        shape: [...indices.shape.slice(0, axis), depth.known?.[0] ?? '?', ...indices.shape.slice(axis)],
      },
    ];
  },
  emit: (b, indices, depth, values, { axis = -1 } = {}) => {
    const size = typeof depth === 'number' ? b.constant(tensorOf('int64', [], [depth])) : depth;
    const [y] = b.node('OneHot', [indices, size, values], { axis: { type: 'int', value: axis } });
    return y ?? indices;
  },
  vjp: zeroGradient,
  samples: [
    sample('last axis', { i: ints([2, 2], [0, 2, 1, 0]), v: { ...real([2]), dtype: 'float32' } }, (op, { i, v }) =>
      op.OneHot(i, 3, v),
    ),
    sample('first axis', { i: ints([2], [1, 3]), v: { ...real([2]), dtype: 'float32' } }, (op, { i, v }) =>
      op.OneHot(i, 4, v, { axis: 0 }),
    ),
  ],
};
