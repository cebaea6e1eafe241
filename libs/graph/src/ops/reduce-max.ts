import { REDUCE, pickedVjp, reduceEmit, reduceInfer } from './reduction.js';
import type { OpRule } from './rule.js';
import { real, sample } from './samples.js';

export const ReduceMax: OpRule<'ReduceMax'> = {
  ...REDUCE,
  differentiable: [0],
  infer: reduceInfer,
  emit: reduceEmit('ReduceMax'),
  vjp: pickedVjp,
  samples: [
    sample('all', { x: real([2, 3]) }, (op, { x }) => op.ReduceMax(x)),
    sample('one axis', { x: real([2, 3, 4]) }, (op, { x }) => op.ReduceMax(x, { axes: [1] })),
    sample('kept', { x: real([2, 3]) }, (op, { x }) => op.ReduceMax(x, { axes: [-1], keepdims: true })),
  ],
};
