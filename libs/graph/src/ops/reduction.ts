import { axisOf, intAttr, type Emitter, type InferContext, type Inferred, type VjpContext } from './rule.js';
import type { OpName, ReduceOptions, Value } from './signatures.js';
import type { Dim } from '../types.js';

/** Attributes and arity that all reductions share since operator set 18: axes are an input. */
export const REDUCE = { since: 18, arity: [1, 2], attrs: { keepdims: 'int', noop_with_empty_axes: 'int' } } as const;

/** Reduced axes as far as they are known when the graph is built; undefined when only the run knows. */
function knownAxes(
  ctx: {
    readonly inputs: readonly (Value | undefined)[];
    readonly attrs: InferContext['attrs'];
    fail(problem: string): never;
  },
  rank: number,
): readonly number[] | undefined {
  const axes = ctx.inputs[1];
  if (axes && !axes.known) return undefined;
  const list = axes?.known ?? [];
  if (list.length === 0)
    return intAttr(ctx.attrs, 'noop_with_empty_axes', 0) === 1 ? [] : Array.from({ length: rank }, (_, i) => i);
  return list.map((a) => axisOf(Number(a), rank, (p) => ctx.fail(p)));
}

export function reduceInfer(ctx: InferContext): readonly Inferred[] {
  const x = ctx.input(0);
  const keep = intAttr(ctx.attrs, 'keepdims', 1) === 1;
  const axes = knownAxes(ctx, x.shape.length);
  if (!axes) {
    if (!keep) return ctx.fail('axes that are known only when the graph runs need keepdims');
    return [{ dtype: x.dtype, shape: x.shape.map((d): Dim => (d === 1 ? 1 : '?')) }];
  }
  const shape = keep ? x.shape.map((d, i) => (axes.includes(i) ? 1 : d)) : x.shape.filter((_, i) => !axes.includes(i));
  return [{ dtype: x.dtype, shape }];
}

export const reduceEmit =
  (op: OpName) =>
  (b: Emitter, x: Value, options: ReduceOptions = {}): Value => {
    const { axes, keepdims = false } = options;
    const given = axes === undefined ? undefined : 'dtype' in axes ? axes : b.ints(axes);
    const [y] = b.node(op, [x, given], {
      keepdims: { type: 'int', value: keepdims ? 1 : 0 },
      // an empty list of axes that was given means "reduce nothing", as in NumPy
      ...(given ? { noop_with_empty_axes: { type: 'int', value: 1 } } : {}),
    });
    return y as Value;
  };

/** The axes of a reduction as options for another one over the same axes, keeping them with size 1. */
export function sameAxes(ctx: VjpContext): ReduceOptions {
  const axes = knownAxes(ctx, ctx.input(0).shape.length) ?? ctx.inputs[1];
  return { keepdims: true, ...(axes === undefined ? {} : { axes }) };
}

/** A result (or its adjoint) with the reduced axes put back with size 1, ready to be broadcast against the input. */
export function keepAxes(ctx: VjpContext, y: Value): Value {
  const x = ctx.input(0);
  if (intAttr(ctx.attrs, 'keepdims', 1) === 1) return y;
  const axes = knownAxes(ctx, x.shape.length);
  if (!axes || axes.length === 0) return y;
  return ctx.op.Unsqueeze(y, axes);
}

/** The adjoint of a reduction that picks an element: it goes to the elements that equal the result, in equal parts. */
export function pickedVjp(c: VjpContext): readonly Value[] {
  const x = c.input(0);
  const mask = c.op.Cast(c.op.Equal(x, keepAxes(c, c.output(0))), x.dtype);
  const share = c.op.Div(keepAxes(c, c.grad), c.op.ReduceSum(mask, sameAxes(c)));
  return [c.op.Mul(mask, share)];
}

/** Number of input elements for each output element, as a float of the input's type. */
export function reducedCount(ctx: VjpContext): Value {
  const x = ctx.input(0);
  const axes = knownAxes(ctx, x.shape.length);
  const sizes = axes?.map((a) => x.shape[a] ?? 1);
  if (sizes?.every((s) => typeof s === 'number'))
    return ctx.scalar(
      sizes.reduce((n, s) => n * Number(s), 1),
      x.dtype,
    );
  return ctx.op.Div(ctx.op.Cast(ctx.op.Size(x), x.dtype), ctx.op.Cast(ctx.op.Size(ctx.output(0)), x.dtype));
}
