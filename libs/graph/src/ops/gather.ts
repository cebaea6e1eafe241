import { axisOf, intAttr, type OpRule } from './rule.js';
import { ints, real, sample } from './samples.js';

export const Gather: OpRule<'Gather'> = {
  since: 13,
  arity: [2, 2],
  attrs: { axis: 'int' },
  differentiable: [0],
  infer: (ctx) => {
    const [data, indices] = [ctx.input(0), ctx.input(1)];
    if (indices.dtype !== 'int64' && indices.dtype !== 'int32')
      ctx.fail(`its indices must be integers, not ${indices.dtype}`);
    const axis = axisOf(intAttr(ctx.attrs, 'axis', 0), data.shape.length, (p) => ctx.fail(p));
    const shape = [...data.shape.slice(0, axis), ...indices.shape, ...data.shape.slice(axis + 1)];
    const picked =
      data.known &&
      indices.known?.map((i) => (typeof i === 'number' ? data.known?.at(i) : undefined)).filter((d) => d !== undefined);
    return [
      { dtype: data.dtype, shape, known: picked && picked.length === indices.known?.length ? picked : undefined },
    ];
  },
  // rows of the adjoint are added where the rows were taken; the axis is brought to the front for it
  vjp: (c) => {
    const [data, indices] = [c.input(0), c.input(1)];
    const rank = data.shape.length;
    const axis = axisOf(intAttr(c.attrs, 'axis', 0), rank, (p) => c.fail(p));
    const q = indices.shape.length;
    const zeros = c.op.Expand(c.scalar(0, data.dtype), c.shapeOf(data));
    const at = c.op.Unsqueeze(indices, [-1]);
    if (axis === 0) return [c.op.ScatterND(zeros, at, c.grad, { reduction: 'add' })];
    const range = (from: number, n: number) => Array.from({ length: n }, (_, i) => from + i);
    const front = [...range(axis, q), ...range(0, axis), ...range(axis + q, rank - 1 - axis)];
    const moved = c.op.ScatterND(
      c.op.Transpose(zeros, [axis, ...range(0, axis), ...range(axis + 1, rank - 1 - axis)]),
      at,
      c.op.Transpose(c.grad, front),
      { reduction: 'add' },
    );
    return [c.op.Transpose(moved, [...range(1, axis), 0, ...range(axis + 1, rank - 1 - axis)])];
  },
  samples: [
    sample('rows, one twice', { x: real([4, 3]), i: ints([3], [2, 0, 2]) }, (op, { x, i }) => op.Gather(x, i)),
    sample('matrix of indices', { x: real([4, 2]), i: ints([2, 2], [3, 1, -1, 0]) }, (op, { x, i }) => op.Gather(x, i)),
    sample('middle axis', { x: real([2, 3, 2]), i: ints([2], [2, 2]) }, (op, { x, i }) => op.Gather(x, i, { axis: 1 })),
    sample('scalar index', { x: real([2, 3]), i: ints([], [1]) }, (op, { x, i }) => op.Gather(x, i, { axis: -1 })),
  ],
};
