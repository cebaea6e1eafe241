import { tensorOf, toNumbers } from '../tensor.js';
import { notDifferentiable, type OpRule } from './rule.js';
import { sample } from './samples.js';
import type { Attrs, TensorData } from '../types.js';

/** The tensor of a Constant node, in whichever attribute it is kept. */
export function constantOf(attrs: Attrs): TensorData | undefined {
  const [attr] = Object.values(attrs);
  if (!attr) return undefined;
  switch (attr.type) {
    case 'tensor':
      return attr.value;
    case 'int':
      return tensorOf('int64', [], [attr.value]);
    case 'float':
      return tensorOf('float32', [], [attr.value]);
    case 'string':
      return tensorOf('string', [], [attr.value]);
    case 'ints':
      return tensorOf('int64', [attr.value.length], attr.value);
    case 'floats':
      return tensorOf('float32', [attr.value.length], attr.value);
    case 'strings':
      return tensorOf('string', [attr.value.length], attr.value);
    default:
      return undefined;
  }
}

export const Constant: OpRule<'Constant'> = {
  since: 1,
  arity: [0, 0],
  attrs: {
    value: 'tensor',
    value_int: 'int',
    value_float: 'float',
    value_string: 'string',
    value_ints: 'ints',
    value_floats: 'floats',
    value_strings: 'strings',
  },
  infer: (ctx) => {
    const t = constantOf(ctx.attrs);
    if (!t) return ctx.fail('it has no value');
    const small = t.dtype === 'int64' && t.dims.length <= 1 && t.data.length <= 256;
    return [{ dtype: t.dtype, shape: t.dims, known: small ? toNumbers(t) : undefined }];
  },
  emit: (b, value) => b.constant(value),
  vjp: notDifferentiable('a constant has no inputs'),
  samples: [sample('int64', {}, (op) => op.Constant(tensorOf('int64', [2], [3, 4])))],
};
