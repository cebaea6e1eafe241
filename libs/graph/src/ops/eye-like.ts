import { DTYPE_TO_ONNX, dtypeFromOnnx } from '../onnx-types.js';
import { intAttr, zeroGradient, type OpRule } from './rule.js';
import { real, sample } from './samples.js';

export const EyeLike: OpRule<'EyeLike'> = {
  since: 9,
  arity: [1, 1],
  attrs: { dtype: 'int', k: 'int' },
  // its only input is a shape
  differentiable: [],
  infer: (ctx) => {
    const x = ctx.input(0);
    if (x.shape.length !== 2) ctx.fail(`it needs a matrix, not rank ${x.shape.length}`);
    const to = ctx.attrs['dtype'] ? dtypeFromOnnx(intAttr(ctx.attrs, 'dtype', 0)) : x.dtype;
    if (!to) return ctx.fail('its attribute "dtype" is not an element type of Strata');
    return [{ dtype: to, shape: x.shape }];
  },
  emit: (b, x, { dtype, k = 0 } = {}) => {
    const [y] = b.node('EyeLike', [x], {
      ...(dtype ? { dtype: { type: 'int', value: DTYPE_TO_ONNX[dtype] } } : {}),
      k: { type: 'int', value: k },
    });
    return y ?? x;
  },
  vjp: zeroGradient,
  samples: [sample('shifted', { x: real([3, 4]) }, (op, { x }) => op.EyeLike(x, { dtype: 'float32', k: 1 }))],
};
