import { ArgMax } from './arg-max.js';
import { notDifferentiable, type OpRule } from './rule.js';
import { real, sample } from './samples.js';

export const ArgMin: OpRule<'ArgMin'> = {
  since: 1,
  arity: [1, 1],
  attrs: { axis: 'int', keepdims: 'int', select_last_index: 'int' },
  infer: (ctx) => ArgMax.infer(ctx),
  emit: (b, x, { axis = 0, keepdims = false } = {}) => {
    const [y] = b.node('ArgMin', [x], {
      axis: { type: 'int', value: axis },
      keepdims: { type: 'int', value: keepdims ? 1 : 0 },
    });
    return y ?? x;
  },
  vjp: notDifferentiable('its result is an index'),
  samples: [sample('last axis', { x: real([2, 3]) }, (op, { x }) => op.ArgMin(x, { axis: -1 }))],
};
