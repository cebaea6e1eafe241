import { broadcast, product, quotient, showShape, sum } from '../dims.js';
import { isFloat } from '../tensor.js';
import type { DType, Dim } from '../types.js';
import type { InferContext, Inferred } from './rule.js';

/** Result of the same type and shape as the input. */
export const sameAsInput = (ctx: InferContext): readonly Inferred[] => {
  const x = ctx.input(0);
  return [{ dtype: x.dtype, shape: x.shape }];
};

/** As `sameAsInput`, for functions that exist for floating types only. */
export const floatUnary = (ctx: InferContext): readonly Inferred[] => {
  if (!isFloat(ctx.input(0).dtype)) ctx.fail(`it needs a floating type, not ${ctx.input(0).dtype}; use Cast first`);
  return sameAsInput(ctx);
};

/** Broadcast of all inputs, which must have one element type. */
export function broadcastInfer(ctx: InferContext, from = 0): Inferred {
  const inputs = ctx.inputs.slice(from).map((_, i) => ctx.input(from + i));
  const first = inputs[0] ?? ctx.input(from);
  for (const x of inputs)
    if (x.dtype !== first.dtype)
      ctx.fail(`its inputs have different types: ${inputs.map((v) => `"${v.name}" ${v.dtype}`).join(', ')}`);
  const shape = broadcast(...inputs.map((x) => x.shape));
  if (!shape)
    return ctx.fail(
      `its inputs cannot be broadcast: ${inputs.map((v) => `"${v.name}" ${showShape(v.shape)}`).join(', ')}`,
    );
  return { dtype: first.dtype, shape };
}

/** Arithmetic on known sizes. */
const ON_DIMS: Readonly<Record<string, (a: Dim, b: Dim) => Dim | undefined>> = {
  Add: (a, b) => sum([a, b]),
  Sub: (a, b) => (typeof a === 'number' && typeof b === 'number' ? a - b : b === 0 ? a : a === b ? 0 : undefined),
  Mul: (a, b) => product([a, b]),
  Div: (a, b) =>
    typeof a === 'number' && typeof b === 'number' ? (b === 0 ? undefined : Math.trunc(a / b)) : quotient([a], [b]),
  Max: (a, b) => (typeof a === 'number' && typeof b === 'number' ? Math.max(a, b) : a === b ? a : undefined),
  Min: (a, b) => (typeof a === 'number' && typeof b === 'number' ? Math.min(a, b) : a === b ? a : undefined),
};

/** Elements of an integer result, as far as those of both operands are known. */
function knownResult(ctx: InferContext): readonly Dim[] | undefined {
  const f = ON_DIMS[ctx.op];
  const [a, b] = ctx.inputs;
  if (!f || !a?.known || !b?.known || ctx.inputs.length !== 2) return undefined;
  const n = Math.max(a.known.length, b.known.length);
  const out: Dim[] = [];
  for (let i = 0; i < n; i++) {
    const x = a.known[a.known.length === 1 ? 0 : i];
    const y = b.known[b.known.length === 1 ? 0 : i];
    const d = x === undefined || y === undefined ? undefined : f(x, y);
    if (d === undefined) return undefined;
    out.push(d);
  }
  return out;
}

export const arithmetic = (ctx: InferContext): readonly Inferred[] => {
  const type = broadcastInfer(ctx);
  if (type.dtype === 'bool' || type.dtype === 'string') ctx.fail(`it has no meaning for ${type.dtype}`);
  return [{ ...type, known: knownResult(ctx) }];
};

export const comparison = (ctx: InferContext): readonly Inferred[] => [{ ...broadcastInfer(ctx), dtype: 'bool' }];

export const logical = (ctx: InferContext): readonly Inferred[] => {
  const type = broadcastInfer(ctx);
  if (type.dtype !== 'bool') ctx.fail(`it takes bool, not ${type.dtype}`);
  return [type];
};

export const INTEGERS: ReadonlySet<DType> = new Set([
  'int64',
  'int32',
  'int16',
  'int8',
  'uint64',
  'uint32',
  'uint16',
  'uint8',
]);
