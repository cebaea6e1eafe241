import { sameAsInput } from './elementwise.js';
import { stringAttr, type OpRule } from './rule.js';
import { ints, real, sample } from './samples.js';

export const ScatterND: OpRule<'ScatterND'> = {
  since: 11,
  arity: [3, 3],
  attrs: { reduction: 'string' },
  differentiable: [0, 2],
  infer: sameAsInput,
  // what was overwritten gets no adjoint; an update gets that of its place
  vjp: (c) => {
    const [indices, updates] = [c.input(1), c.input(2)];
    const reduction = stringAttr(c.attrs, 'reduction', 'none');
    if (reduction !== 'none' && reduction !== 'add') return c.fail(`it has no gradient for reduction "${reduction}"`);
    const data = () =>
      reduction === 'add'
        ? c.grad
        : c.op.ScatterND(c.grad, indices, c.op.Expand(c.scalar(0, updates.dtype), c.shapeOf(updates)));
    return [c.needs(0) ? data() : undefined, undefined, c.needs(2) ? c.op.GatherND(c.grad, indices) : undefined];
  },
  samples: [
    sample(
      'overwrite rows',
      { x: real([4, 2]), i: ints([2, 1], [3, 1]), u: real([2, 2], { phase: 0.9 }) },
      (op, { x, i, u }) => op.ScatterND(x, i, u),
      { static: true },
    ),
    sample(
      'add elements, one twice',
      { x: real([3, 2]), i: ints([3, 2], [0, 1, 2, 0, 0, 1]), u: real([3], { phase: 0.9 }) },
      (op, { x, i, u }) => op.ScatterND(x, i, u, { reduction: 'add' }),
      { static: true },
    ),
  ],
};
