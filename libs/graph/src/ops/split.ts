import { axisOf, intAttr, type OpRule } from './rule.js';
import { real, sample } from './samples.js';

export const Split: OpRule<'Split'> = {
  since: 13,
  arity: [1, 2],
  outputs: [1, Infinity],
  attrs: { axis: 'int', num_outputs: 'int' },
  differentiable: [0],
  infer: (ctx) => {
    const { dtype, shape } = ctx.input(0);
    const axis = axisOf(intAttr(ctx.attrs, 'axis', 0), shape.length, (p) => ctx.fail(p));
    const n = ctx.outputs.length;
    const total = shape[axis];
    const given = ctx.inputs[1];
    if (given?.known && given.known.length !== n) ctx.fail(`it has ${n} outputs but ${given.known.length} sizes`);
    const sizes = given?.known;
    if (sizes?.every((s) => typeof s === 'number') && typeof total === 'number') {
      const all = sizes.reduce((a, s) => a + Number(s), 0);
      if (all !== total) ctx.fail(`its sizes make ${all}, but axis ${axis} has ${total}`);
    }
    // without sizes the parts are equal, the last one smaller
    const part = typeof total === 'number' ? Math.ceil(total / n) : undefined;
    return ctx.outputs.map((_, i) => {
      const size = given
        ? (sizes?.[i] ?? '?')
        : part === undefined || typeof total !== 'number'
          ? '?'
          : i < n - 1
            ? part
            : total - part * (n - 1);
      return { dtype, shape: shape.map((d, a) => (a === axis ? size : d)) };
    });
  },
  emit: (b, x, sizes, axis = 0) => {
    const list = 'dtype' in sizes ? sizes : b.ints(sizes);
    const n = 'dtype' in sizes ? (sizes.known?.length ?? Number(sizes.shape[0])) : sizes.length;
    return b.node('Split', [x, list], { axis: { type: 'int', value: axis } }, { outputs: n });
  },
  // the parts put together again; a part that the loss does not depend on counts as zeros
  vjp: (c) => {
    const axis = intAttr(c.attrs, 'axis', 0);
    const parts = c.outputs.map((_, i) => {
      const y = c.output(i);
      return c.grads[i] ?? c.op.Expand(c.scalar(0, y.dtype), c.shapeOf(y));
    });
    const [first, ...rest] = parts;
    return [first ? c.op.Concat([first, ...rest], axis) : undefined];
  },
  samples: [
    sample('both parts', { x: real([2, 5]) }, (op, { x }) => op.Split(x, [2, 3], 1)),
    sample('one part used', { x: real([5, 2]) }, (op, { x }) => op.Split(x, [1, 3, 1])[1] ?? x),
  ],
};
