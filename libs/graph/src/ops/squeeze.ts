import { axisOf, type OpRule } from './rule.js';
import { real, sample } from './samples.js';

export const Squeeze: OpRule<'Squeeze'> = {
  since: 13,
  arity: [1, 2],
  differentiable: [0],
  infer: (ctx) => {
    const { dtype, shape, known } = ctx.input(0);
    const given = ctx.inputs[1];
    if (given && !given.known) return ctx.fail('its axes are not known');
    if (!given && shape.some((d) => typeof d === 'string')) return ctx.fail('without axes it needs known sizes');
    const axes =
      given?.known?.map((a) => axisOf(Number(a), shape.length, (p) => ctx.fail(p))) ??
      shape.flatMap((d, i) => (d === 1 ? [i] : []));
    for (const a of axes)
      if (typeof shape[a] === 'number' && shape[a] !== 1) ctx.fail(`axis ${a} has the size ${shape[a]}, not 1`);
    return [{ dtype, shape: shape.filter((_, i) => !axes.includes(i)), known }];
  },
  emit: (b, x, axes) => {
    const [y] = b.node('Squeeze', [x, axes && b.ints(axes)]);
    return y ?? x;
  },
  vjp: (c) => [c.reshapeLike(c.grad, c.input(0))],
  samples: [
    sample('one axis', { x: real([2, 1, 3]) }, (op, { x }) => op.Squeeze(x, [1])),
    sample('all', { x: real([1, 3, 1]) }, (op, { x }) => op.Squeeze(x), { static: true }),
  ],
};
