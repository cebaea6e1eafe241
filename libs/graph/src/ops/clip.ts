import { sameAsInput } from './elementwise.js';
import type { OpRule } from './rule.js';
import { real, sample } from './samples.js';
import { tensorOf } from '../tensor.js';

export const Clip: OpRule<'Clip'> = {
  since: 11,
  arity: [1, 3],
  differentiable: [0],
  infer: (ctx) => {
    for (const limit of [ctx.inputs[1], ctx.inputs[2]])
      if (limit && (limit.dtype !== ctx.input(0).dtype || limit.shape.length !== 0))
        ctx.fail(`its limits must be scalars of type ${ctx.input(0).dtype}`);
    return sameAsInput(ctx);
  },
  // 1 inside the limits and on them, 0 outside
  vjp: (c) => {
    const [x, low, high] = [c.input(0), c.inputs[1], c.inputs[2]];
    const zero = c.scalar(0, x.dtype);
    let g = c.grad;
    if (low) g = c.op.Where(c.op.GreaterOrEqual(x, low), g, zero);
    if (high) g = c.op.Where(c.op.LessOrEqual(x, high), g, zero);
    return [g];
  },
  samples: [
    sample('both limits', { x: real([2, 3], { kinks: [-0.5, 0.7] }) }, (op, { x }) =>
      op.Clip(x, op.Constant(low), op.Constant(high)),
    ),
    sample('upper limit', { x: real([5], { kinks: [0.7] }) }, (op, { x }) => op.Clip(x, undefined, op.Constant(high))),
  ],
};

const low = tensorOf('float64', [], [-0.5]);
const high = tensorOf('float64', [], [0.7]);
