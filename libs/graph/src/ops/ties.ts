import type { Vjp } from './rule.js';
import type { Value } from './signatures.js';

/** Adjoints of Max and Min: shared equally by all operands that equal the result. */
export const tiedGradients: Vjp = (c) => {
  const y = c.output(0);
  const masks = c.inputs.map((_, i) => c.op.Cast(c.op.Equal(c.input(i), y), y.dtype));
  const count = masks.reduce((a: Value, b: Value) => c.op.Add(a, b));
  const share = c.op.Div(c.grad, count);
  return masks.map((m, i) => (c.needs(i) ? c.unbroadcast(c.op.Mul(share, m), c.input(i)) : undefined));
};
