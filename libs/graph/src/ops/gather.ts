import { axisOf, intAttr, type OpRule, type VjpContext } from './rule.js';
import { ints, real, sample } from './samples.js';
import type { Value } from './signatures.js';

function flatShape(c: VjpContext, data: Value, axis: number): readonly number[] | Value {
  const start = [...Array.from({ length: axis }, () => 0), -1];
  const after = data.shape.slice(axis + 1);
  const sizes = after.filter((d) => typeof d === 'number');
  return sizes.length === after.length
    ? [...start, ...sizes]
    : c.op.Concat([c.ints(start), c.op.Shape(data, { start: axis + 1 })], 0);
}

export const Gather: OpRule<'Gather'> = {
  since: 1,
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
  // the adjoint is added where the elements were taken. ScatterND would need no index for each element, but ONNX Runtime adds its rows in parallel
  // without a lock: with several threads, rows that were taken twice lose updates
  vjp: (c) => {
    const [data, indices] = [c.input(0), c.input(1)];
    const rank = data.shape.length;
    const axis = axisOf(intAttr(c.attrs, 'axis', 0), rank, (p) => c.fail(p));
    const zeros = c.op.Expand(c.scalar(0, data.dtype), c.shapeOf(data));
    const ones = (n: number) => Array.from({ length: n }, () => 1);
    // all axes of the indices as one: [before…, count, after…]
    const flat = indices.shape.length === 1 ? c.grad : c.op.Reshape(c.grad, flatShape(c, data, axis));
    const at = c.op.Reshape(indices, [...ones(axis), -1, ...ones(rank - 1 - axis)]);
    return [c.op.ScatterElements(zeros, c.op.Expand(at, c.shapeOf(flat)), flat, { axis, reduction: 'add' })];
  },
  samples: [
    sample('rows, one twice', { x: real([4, 3]), i: ints([3], [2, 0, 2]) }, (op, { x, i }) => op.Gather(x, i)),
    sample('matrix of indices', { x: real([4, 2]), i: ints([2, 2], [3, 1, -1, 0]) }, (op, { x, i }) => op.Gather(x, i)),
    sample('middle axis', { x: real([2, 3, 2]), i: ints([2], [2, 2]) }, (op, { x, i }) => op.Gather(x, i, { axis: 1 })),
    sample('scalar index', { x: real([2, 3]), i: ints([], [1]) }, (op, { x, i }) => op.Gather(x, i, { axis: -1 })),
  ],
};
