import { scatterPicked } from './positions.js';
import { intAttr, type OpRule } from './rule.js';
import { ints, real, sample } from './samples.js';

export const GatherND: OpRule<'GatherND'> = {
  since: 11,
  arity: [2, 2],
  attrs: { batch_dims: 'int' },
  differentiable: [0],
  infer: (ctx) => {
    const [data, indices] = [ctx.input(0), ctx.input(1)];
    const batch = intAttr(ctx.attrs, 'batch_dims', 0);
    const depth = indices.shape.at(-1);
    if (typeof depth !== 'number') return ctx.fail('the last size of its indices must be known');
    return [{ dtype: data.dtype, shape: [...indices.shape.slice(0, -1), ...data.shape.slice(batch + depth)] }];
  },
  vjp: (c) => {
    const batch_dims = intAttr(c.attrs, 'batch_dims', 0);
    return [scatterPicked(c, (numbers) => c.op.GatherND(numbers, c.input(1), { batch_dims }))];
  },
  samples: [
    sample('elements', { x: real([2, 3]), i: ints([3, 2], [0, 1, 1, 2, 0, 1]) }, (op, { x, i }) => op.GatherND(x, i), {
      static: true,
    }),
    sample('rows', { x: real([3, 2]), i: ints([2, 1], [2, 2]) }, (op, { x, i }) => op.GatherND(x, i), { static: true }),
    sample(
      'a row of each batch',
      { x: real([2, 3, 2]), i: ints([2, 1], [2, 0]) },
      (op, { x, i }) => op.GatherND(x, i, { batch_dims: 1 }),
      { static: true },
    ),
  ],
};
