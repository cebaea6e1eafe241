import { sameAsInput } from './elementwise.js';
import { intAttr, stringAttr, type OpRule } from './rule.js';
import { ints, real, sample } from './samples.js';

export const ScatterElements: OpRule<'ScatterElements'> = {
  since: 11,
  arity: [3, 3],
  attrs: { axis: 'int', reduction: 'string' },
  differentiable: [0, 2],
  infer: sameAsInput,
  // what was overwritten gets no adjoint; an update gets that of its place
  vjp: (c) => {
    const indices = c.input(1);
    const axis = intAttr(c.attrs, 'axis', 0);
    const reduction = stringAttr(c.attrs, 'reduction', 'none');
    if (reduction !== 'none' && reduction !== 'add') return c.fail(`it has no gradient for reduction "${reduction}"`);
    const data = () => {
      if (reduction === 'add') return c.grad;
      const updates = c.input(2);
      return c.op.ScatterElements(c.grad, indices, c.op.Expand(c.scalar(0, updates.dtype), c.op.Shape(indices)), {
        axis,
      });
    };
    return [
      c.needs(0) ? data() : undefined,
      undefined,
      c.needs(2) ? c.op.GatherElements(c.grad, indices, { axis }) : undefined,
    ];
  },
  samples: [
    sample(
      'overwrite',
      { x: real([3, 3]), i: ints([1, 3], [2, 0, 1]), u: real([1, 3], { phase: 0.9 }) },
      (op, { x, i, u }) => op.ScatterElements(x, i, u),
    ),
    sample(
      'add, one twice',
      { x: real([3]), i: ints([3], [2, 0, 2]), u: real([3], { phase: 0.9 }) },
      (op, { x, i, u }) => op.ScatterElements(x, i, u, { reduction: 'add' }),
    ),
  ],
};
