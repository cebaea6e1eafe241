import { product, quotient, showShape } from '../dims.js';
import type { Dim } from '../types.js';
import { intAttr, type InferContext, type OpRule } from './rule.js';
import { real, sample } from './samples.js';

function target(ctx: InferContext): readonly Dim[] {
  const [x, shape] = [ctx.input(0), ctx.input(1)];
  if (shape.dtype !== 'int64') ctx.fail(`its shape must be int64, not ${shape.dtype}`);
  if (!shape.known) {
    const [rank] = shape.shape;
    if (typeof rank !== 'number') return ctx.fail('the rank of its result is not known');
    return Array.from({ length: rank }, () => '?');
  }
  const copyZeros = intAttr(ctx.attrs, 'allowzero', 0) === 0;
  const out = shape.known.map((d, i) =>
    d === 0 && copyZeros ? (x.shape[i] ?? ctx.fail(`size 0 at axis ${i} copies an axis that the input lacks`)) : d,
  );
  const open = out.indexOf(-1);
  if (open < 0) {
    const [from, to] = [product(x.shape), product(out)];
    if (typeof from === 'number' && typeof to === 'number' && from !== to)
      ctx.fail(`it cannot turn ${showShape(x.shape)} into ${showShape(out)}: ${from} elements are not ${to}`);
    return out;
  }
  const rest = out.filter((_, i) => i !== open);
  const found = quotient(x.shape, rest);
  if (found === undefined && x.shape.every((d) => typeof d === 'number') && rest.every((d) => typeof d === 'number'))
    ctx.fail(`it cannot turn ${showShape(x.shape)} into ${showShape(out)}`);
  out[open] = found ?? '?';
  return out;
}

export const Reshape: OpRule<'Reshape'> = {
  since: 5,
  arity: [2, 2],
  attrs: { allowzero: 'int' },
  differentiable: [0],
  infer: (ctx) => {
    const shape = target(ctx);
    return [{ dtype: ctx.input(0).dtype, shape, known: shape.length <= 1 ? ctx.input(0).known : undefined }];
  },
  emit: (b, x, shape) => {
    const [y] = b.node('Reshape', [x, 'dtype' in shape ? shape : b.ints(shape)]);
    return y ?? x;
  },
  vjp: (c) => [c.reshapeLike(c.grad, c.input(0))],
  samples: [
    sample('to a matrix', { x: real([2, 6]) }, (op, { x }) => op.Reshape(x, [-1, 3])),
    sample('keeps an axis', { x: real([2, 3, 4]) }, (op, { x }) => op.Reshape(x, [0, -1])),
    sample('computed shape', { x: real([2, 6]) }, (op, { x }) =>
      op.Reshape(x, op.Concat([op.Shape(x, { start: 1 }), op.Shape(x, { start: 0, end: 1 })], 0)),
    ),
  ],
};
