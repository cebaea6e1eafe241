import { notDifferentiable, type OpRule } from './rule.js';
import { sample } from './samples.js';
import { tensorOf } from '../tensor.js';

export const DequantizeLinear: OpRule<'DequantizeLinear'> = {
  since: 10,
  arity: [2, 3],
  attrs: { axis: 'int', block_size: 'int' },
  infer: (ctx) => [{ dtype: ctx.input(1).dtype, shape: ctx.input(0).shape }],
  vjp: notDifferentiable('its input are integers'),
  samples: [
    sample('int8 by columns', { x: { dtype: 'int8', shape: [2, 2], values: [1, -2, 3, -4] } }, (op, { x }) =>
      op.DequantizeLinear(x, op.Constant(tensorOf('float32', [2], [0.5, 0.25])), undefined, { axis: 1 }),
    ),
  ],
};
