import { notDifferentiable, type OpRule } from './rule.js';
import { real, sample } from './samples.js';
import { tensorOf } from '../tensor.js';

export const QuantizeLinear: OpRule<'QuantizeLinear'> = {
  since: 10,
  arity: [2, 3],
  attrs: { axis: 'int', saturate: 'int', block_size: 'int', output_dtype: 'int' },
  infer: (ctx) => [{ dtype: ctx.inputs[2]?.dtype ?? 'uint8', shape: ctx.input(0).shape }],
  vjp: notDifferentiable('rounding has no derivative'),
  samples: [
    sample('int8', { x: { ...real([2, 3]), dtype: 'float32' } }, (op, { x }) =>
      op.QuantizeLinear(x, op.Constant(tensorOf('float32', [], [0.02])), op.Constant(tensorOf('int8', [], [0]))),
    ),
  ],
};
