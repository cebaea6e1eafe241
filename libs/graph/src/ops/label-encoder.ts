import { toNumbers } from '../tensor.js';
import type { Attr, DType, TensorData } from '../types.js';
import { notDifferentiable, type OpRule } from './rule.js';
import { sample } from './samples.js';
import { tensorOf } from '../tensor.js';

const SUFFIX: Partial<Record<DType, 'strings' | 'int64s' | 'floats'>> = {
  string: 'strings',
  int64: 'int64s',
  float32: 'floats',
};

function list(kind: 'keys' | 'values', t: TensorData): Record<string, Attr> {
  const name = `${kind}_${SUFFIX[t.dtype]}`;
  if (t.dtype === 'string') return { [name]: { type: 'strings', value: t.data as readonly string[] } };
  return { [name]: { type: t.dtype === 'int64' ? 'ints' : 'floats', value: toNumbers(t) } };
}

function single(t: TensorData): Record<string, Attr> {
  if (t.dtype === 'string') return { default_string: { type: 'string', value: String(t.data[0]) } };
  const [value = 0] = toNumbers(t);
  return t.dtype === 'int64' ? { default_int64: { type: 'int', value } } : { default_float: { type: 'float', value } };
}

export const LabelEncoder: OpRule<'LabelEncoder'> = {
  domain: 'ai.onnx.ml',
  since: 2,
  arity: [1, 1],
  attrs: {
    keys_strings: 'strings',
    keys_int64s: 'ints',
    keys_floats: 'floats',
    keys_tensor: 'tensor',
    values_strings: 'strings',
    values_int64s: 'ints',
    values_floats: 'floats',
    values_tensor: 'tensor',
    default_string: 'string',
    default_int64: 'int',
    default_float: 'float',
    default_tensor: 'tensor',
  },
  infer: (ctx) => {
    const { attrs } = ctx;
    const values = attrs['values_tensor'];
    const dtype =
      values?.type === 'tensor'
        ? values.value.dtype
        : attrs['values_strings']
          ? 'string'
          : attrs['values_int64s']
            ? 'int64'
            : attrs['values_floats']
              ? 'float32'
              : undefined;
    return [{ dtype: dtype ?? ctx.fail('it has no values'), shape: ctx.input(0).shape }];
  },
  emit: (b, x, keys, values, fallback) => {
    const [y] = b.node(
      'LabelEncoder',
      [x],
      { ...list('keys', keys), ...list('values', values), ...single(fallback) },
      { domain: 'ai.onnx.ml' },
    );
    return y ?? x;
  },
  vjp: notDifferentiable('a table has no derivative'),
  samples: [
    sample('integers to floats', { x: { dtype: 'int64', shape: [3], values: [7, 8, 9] } }, (op, { x }) =>
      op.LabelEncoder(
        x,
        tensorOf('int64', [2], [7, 9]),
        tensorOf('float32', [2], [0.5, -1]),
        tensorOf('float32', [], [2]),
      ),
    ),
  ],
};
