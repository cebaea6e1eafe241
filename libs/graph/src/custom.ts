import type { GraphBuilder } from './builder.js';
import type { OpFunctions, Value } from './ops/signatures.js';

/** The value, constant for differentiation: no gradient flows back through it. Exported as Identity. */
export function stopGradient(b: GraphBuilder, x: Value): Value {
  const [y] = b.op.CustomGradient(
    [x],
    (_, v) => (v ? [v] : []),
    () => [],
  );
  return y ?? x;
}

/**
 * fn(x) forward, the identity backward (Bengio et al. 2013): for rounding, thresholds and other steps whose own derivative is zero.
 * @param fn keeps the shape
 */
export function straightThrough(b: GraphBuilder, x: Value, fn: (op: OpFunctions, x: Value) => Value): Value {
  const [y] = b.op.CustomGradient(
    [x],
    (inner, v = x) => [fn(inner.op, v)],
    (inner, { grads: [g = x] }) => [inner.op.Cast(g, x.dtype)],
  );
  return y ?? x;
}
