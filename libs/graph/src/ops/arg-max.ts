import { axisOf, intAttr, notDifferentiable, type OpRule } from './rule.js';
import { real, sample } from './samples.js';

export const ArgMax: OpRule<'ArgMax'> = {
  since: 1,
  arity: [1, 1],
  attrs: { axis: 'int', keepdims: 'int', select_last_index: 'int' },
  infer: (ctx) => {
    const x = ctx.input(0);
    const axis = axisOf(intAttr(ctx.attrs, 'axis', 0), x.shape.length, (p) => ctx.fail(p));
    const keep = intAttr(ctx.attrs, 'keepdims', 1) === 1;
    return [{ dtype: 'int64', shape: x.shape.flatMap((d, i) => (i === axis ? (keep ? [1] : []) : [d])) }];
  },
  emit: (b, x, { axis = 0, keepdims = false } = {}) => {
    const [y] = b.node('ArgMax', [x], {
      axis: { type: 'int', value: axis },
      keepdims: { type: 'int', value: keepdims ? 1 : 0 },
    });
    return y ?? x;
  },
  vjp: notDifferentiable('its result is an index'),
  samples: [
    sample('last axis', { x: real([2, 3]) }, (op, { x }) => op.ArgMax(x, { axis: -1 })),
    sample('kept', { x: real([2, 3]) }, (op, { x }) => op.ArgMax(x, { axis: 0, keepdims: true })),
  ],
};
