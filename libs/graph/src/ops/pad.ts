import { sum } from '../dims.js';
import { stringAttr, type OpRule } from './rule.js';
import { real, sample } from './samples.js';

export const Pad: OpRule<'Pad'> = {
  since: 11,
  arity: [2, 4],
  attrs: { mode: 'string' },
  differentiable: [0],
  infer: (ctx) => {
    const { dtype, shape } = ctx.input(0);
    const pads = ctx.input(1).known;
    if (ctx.inputs[3]) return [{ dtype, shape: shape.map(() => '?') }];
    if (!pads) return [{ dtype, shape: shape.map(() => '?') }];
    const rank = shape.length;
    if (pads.length !== 2 * rank) ctx.fail(`it needs ${2 * rank} pads for rank ${rank}, not ${pads.length}`);
    return [{ dtype, shape: shape.map((d, i) => sum([d, pads[i] ?? 0, pads[rank + i] ?? 0])) }];
  },
  emit: (b, x, pads, value) => {
    const [y] = b.node('Pad', [x, 'dtype' in pads ? pads : b.ints(pads), value]);
    return y ?? x;
  },
  // cuts the padding off again
  vjp: (c) => {
    const x = c.input(0);
    if (stringAttr(c.attrs, 'mode', 'constant') !== 'constant' || c.inputs[3])
      return c.fail('it has a gradient in constant mode over all axes only');
    const rank = x.shape.length;
    const starts = c.op.Slice(c.input(1), [0], [rank]);
    return [c.op.Slice(c.grad, starts, c.op.Add(starts, c.shapeOf(x)))];
  },
  samples: [sample('zeros', { x: real([2, 3]) }, (op, { x }) => op.Pad(x, [1, 0, 0, 2]))],
};
