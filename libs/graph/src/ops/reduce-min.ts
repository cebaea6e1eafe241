import { REDUCE, pickedVjp, reduceEmit, reduceInfer } from './reduction.js';
import type { OpRule } from './rule.js';
import { real, sample } from './samples.js';

export const ReduceMin: OpRule<'ReduceMin'> = {
  ...REDUCE,
  differentiable: [0],
  infer: reduceInfer,
  emit: reduceEmit('ReduceMin'),
  vjp: pickedVjp,
  samples: [
    sample('all', { x: real([2, 3]) }, (op, { x }) => op.ReduceMin(x)),
    sample('one axis', { x: real([2, 3, 4]) }, (op, { x }) => op.ReduceMin(x, { axes: [1] })),
    sample('kept', { x: real([2, 3]) }, (op, { x }) => op.ReduceMin(x, { axes: [-1], keepdims: true })),
  ],
};
