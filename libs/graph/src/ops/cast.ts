import { DTYPE_TO_ONNX, dtypeFromOnnx } from '../onnx-types.js';
import { intAttr, type OpRule } from './rule.js';
import { real, sample } from './samples.js';
import { INTEGERS } from './elementwise.js';

export const Cast: OpRule<'Cast'> = {
  since: 6,
  arity: [1, 1],
  attrs: { to: 'int', saturate: 'int' },
  infer: (ctx) => {
    const x = ctx.input(0);
    const dtype = dtypeFromOnnx(intAttr(ctx.attrs, 'to', 0));
    if (!dtype) return ctx.fail(`its attribute "to" is ${intAttr(ctx.attrs, 'to', 0)}, not an element type of Strata`);
    return [{ dtype, shape: x.shape, known: INTEGERS.has(dtype) ? x.known : undefined }];
  },
  emit: (b, x, to) => {
    if (x.dtype === to) return x;
    const [y] = b.node('Cast', [x], { to: { type: 'int', value: DTYPE_TO_ONNX[to] } });
    return y ?? x;
  },
  vjp: (c) => [c.op.Cast(c.grad, c.input(0).dtype)],
  samples: [
    sample('to the same type', { x: real([3]) }, (op, { x }) => op.Cast(x, 'float64')),
    sample('to int64', { x: real([3]) }, (op, { x }) => op.Cast(x, 'int64')),
  ],
};
