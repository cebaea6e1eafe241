import { tensorOf } from '../tensor.js';
import { zeroGradient, type OpRule } from './rule.js';
import { real, sample } from './samples.js';

export const ConstantOfShape: OpRule<'ConstantOfShape'> = {
  since: 9,
  arity: [1, 1],
  attrs: { value: 'tensor' },
  infer: (ctx) => {
    const value = ctx.attrs['value'];
    const shape = ctx.input(0);
    const [rank] = shape.shape;
    const dtype = value?.type === 'tensor' ? value.value.dtype : 'float32';
    if (shape.known) return [{ dtype, shape: shape.known }];
    if (typeof rank !== 'number') return ctx.fail('the rank of its result is not known');
    return [{ dtype, shape: Array.from({ length: rank }, () => '?') }];
  },
  emit: (b, shape, value) => {
    const [y] = b.node('ConstantOfShape', [shape], { value: { type: 'tensor', value } });
    return y ?? shape;
  },
  // its only input is a shape
  differentiable: [],
  vjp: zeroGradient,
  samples: [
    sample('threes', { x: real([2, 3]) }, (op, { x }) =>
      op.ConstantOfShape(op.Shape(x), tensorOf('float64', [1], [3])),
    ),
  ],
};
