import { notDifferentiable, type OpRule } from './rule.js';
import type { Value } from './signatures.js';
import { real, sample } from './samples.js';

export const DynamicQuantizeLinear: OpRule<'DynamicQuantizeLinear'> = {
  since: 11,
  arity: [1, 1],
  outputs: [3, 3],
  infer: (ctx) => {
    const x = ctx.input(0);
    if (x.dtype !== 'float32') ctx.fail(`it takes float32, not ${x.dtype}`);
    return [
      { dtype: 'uint8', shape: x.shape },
      { dtype: 'float32', shape: [] },
      { dtype: 'uint8', shape: [] },
    ];
  },
  emit: (b, x) => b.node('DynamicQuantizeLinear', [x], {}, { outputs: 3 }) as [Value, Value, Value],
  vjp: notDifferentiable('rounding to 8 bits has no derivative'),
  samples: [sample('matrix', { x: { ...real([2, 3]), dtype: 'float32' } }, (op, { x }) => op.DynamicQuantizeLinear(x))],
};
