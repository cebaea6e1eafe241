import { sameAsInput } from './elementwise.js';
import { intAttr, stringAttr, type OpRule, type VjpContext } from './rule.js';
import { ints, real, sample } from './samples.js';
import type { Value } from './signatures.js';

/** Adjoints of reductions that keep one of several values: shared equally by all, of data and updates, that equal the result. */
function pickedGradients(c: VjpContext, axis: number): readonly (Value | undefined)[] {
  const [data, indices, updates, y] = [c.input(0), c.input(1), c.input(2), c.output(0)];
  const mine = c.op.Cast(c.op.Equal(data, y), y.dtype);
  const theirs = c.op.Cast(c.op.Equal(updates, c.op.GatherElements(y, indices, { axis })), y.dtype);
  const count = c.op.ScatterElements(mine, indices, theirs, { axis, reduction: 'add' });
  const share = c.op.Div(c.grad, c.op.Max(count, c.scalar(1, y.dtype)));
  return [
    c.needs(0) ? c.op.Mul(share, mine) : undefined,
    undefined,
    c.needs(2) ? c.op.Mul(c.op.GatherElements(share, indices, { axis }), theirs) : undefined,
  ];
}

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
    if (reduction === 'max' || reduction === 'min') return pickedGradients(c, axis);
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
    sample(
      'largest, one place twice',
      { x: real([4]), i: ints([3], [2, 0, 2]), u: real([3], { phase: 0.9 }) },
      (op, { x, i, u }) => op.ScatterElements(x, i, u, { reduction: 'max' }),
    ),
  ],
};
