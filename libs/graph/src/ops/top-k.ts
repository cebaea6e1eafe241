import { axisOf, intAttr, type OpRule } from './rule.js';
import { real, sample } from './samples.js';

export const TopK: OpRule<'TopK'> = {
  since: 10,
  arity: [2, 2],
  outputs: [1, 2],
  attrs: { axis: 'int', largest: 'int', sorted: 'int' },
  differentiable: [0],
  infer: (ctx) => {
    const x = ctx.input(0);
    const axis = axisOf(intAttr(ctx.attrs, 'axis', -1), x.shape.length, (p) => ctx.fail(p));
    const k = ctx.input(1).known?.[0] ?? '?';
    if (typeof k === 'number' && typeof x.shape[axis] === 'number' && k > x.shape[axis])
      ctx.fail(`it picks ${k} of ${x.shape[axis]} elements`);
    const shape = x.shape.map((d, i) => (i === axis ? k : d));
    return [
      { dtype: x.dtype, shape },
      { dtype: 'int64', shape },
    ];
  },
  emit: (b, x, k, { axis = -1, largest = true } = {}) => {
    const count = typeof k === 'number' ? b.ints([k]) : k;
    const [values, indices] = b.node(
      'TopK',
      [x, count],
      { axis: { type: 'int', value: axis }, largest: { type: 'int', value: largest ? 1 : 0 } },
      { outputs: 2 },
    );
    return [values ?? x, indices ?? x];
  },
  // the adjoint of a value goes where it was taken from; the indices have none
  vjp: (c) => {
    const x = c.input(0);
    const [grad] = c.grads;
    if (!grad) return [];
    const zeros = c.op.Expand(c.scalar(0, x.dtype), c.shapeOf(x));
    return [c.op.ScatterElements(zeros, c.output(1), grad, { axis: intAttr(c.attrs, 'axis', -1) })];
  },
  samples: [
    sample('largest of a row', { x: real([2, 5]) }, (op, { x }) => op.TopK(x, 3)),
    sample('smallest of a column', { x: real([4, 2]) }, (op, { x }) => op.TopK(x, 2, { axis: 0, largest: false })),
  ],
};
