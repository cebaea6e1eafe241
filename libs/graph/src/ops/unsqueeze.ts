import type { Dim } from '../types.js';
import { axisOf, type OpRule } from './rule.js';
import { real, sample } from './samples.js';

export const Unsqueeze: OpRule<'Unsqueeze'> = {
  since: 13,
  arity: [2, 2],
  differentiable: [0],
  infer: (ctx) => {
    const { dtype, shape, known } = ctx.input(0);
    const given = ctx.input(1).known;
    if (!given) return ctx.fail('its axes are not known');
    const rank = shape.length + given.length;
    const axes = given.map((a) => axisOf(Number(a), rank, (p) => ctx.fail(p)));
    if (new Set(axes).size !== axes.length) ctx.fail('an axis is given twice');
    const rest = [...shape];
    const out = Array.from({ length: rank }, (_, i): Dim => (axes.includes(i) ? 1 : (rest.shift() ?? 1)));
    return [{ dtype, shape: out, known: rank <= 1 ? known : undefined }];
  },
  emit: (b, x, axes) => {
    const [y] = b.node('Unsqueeze', [x, 'dtype' in axes ? axes : b.ints(axes)]);
    return y ?? x;
  },
  vjp: (c) => [c.reshapeLike(c.grad, c.input(0))],
  samples: [sample('two axes', { x: real([2, 3]) }, (op, { x }) => op.Unsqueeze(x, [0, -1]))],
};
