import { StrataError } from '@strata/kernel';
import { tensorOf, toNumbers } from '../tensor.js';
import type { Attr, Dim } from '../types.js';
import {
  axisOf,
  intsAttr,
  stringAttr,
  type InferContext,
  type OpRule,
  type OpSample,
  type VjpContext,
} from './rule.js';
import { real, sample } from './samples.js';
import type { OpFunctions, ResizeOptions, Value } from './signatures.js';

/** The axis of `x` that each entry of sizes or scales belongs to. */
function axesOf(c: Pick<InferContext, 'attrs' | 'fail'>, rank: number): readonly number[] {
  const given = intsAttr(c.attrs, 'axes');
  return given ? given.map((a) => axisOf(a, rank, (p) => c.fail(p))) : Array.from({ length: rank }, (_, i) => i);
}

/** An input that is given: ONNX also marks an absent one by an empty tensor. */
const present = (v: Value | undefined): Value | undefined => (v && v.shape[0] !== 0 ? v : undefined);

function infer(ctx: InferContext) {
  const x = ctx.input(0);
  const axes = axesOf(ctx, x.shape.length);
  const [scales, sizes] = [present(ctx.inputs[2]), present(ctx.inputs[3])];
  if (!scales === !sizes) ctx.fail('it needs either scales or sizes');
  const factors =
    scales && ctx.constant(2) ? toNumbers(ctx.constant(2) as NonNullable<ReturnType<typeof ctx.constant>>) : undefined;
  const stretch = stringAttr(ctx.attrs, 'keep_aspect_ratio_policy', 'stretch') === 'stretch';
  const shape = x.shape.map((d, axis): Dim => {
    const i = axes.indexOf(axis);
    if (i < 0) return d;
    if (sizes) return stretch ? (sizes.known?.[i] ?? '?') : '?';
    const factor = factors?.[i];
    if (factor === undefined) return '?';
    return factor === 1 ? d : typeof d === 'number' ? Math.floor(d * factor) : '?';
  });
  return [{ dtype: x.dtype, shape }];
}

/**
 * Resizing is linear and works along each axis by itself: along an axis of n elements it is the product with the matrix that the same operator makes of the identity. So its
 * gradient needs no second copy of ONNX's rules of coordinates.
 */
function gradient(c: VjpContext): readonly (Value | undefined)[] {
  const { op } = c;
  const x = c.input(0);
  if (stringAttr(c.attrs, 'coordinate_transformation_mode', 'half_pixel') === 'tf_crop_and_resize')
    return c.fail('it has no gradient when it also crops (tf_crop_and_resize)');
  if (stringAttr(c.attrs, 'keep_aspect_ratio_policy', 'stretch') !== 'stretch')
    return c.fail('it has a gradient for the aspect ratio policy "stretch" only');
  const rank = x.shape.length;
  const y = c.output(0);
  const { axes: _, ...attrs } = c.attrs;
  const [scales, sizes] = [present(c.inputs[2]), present(c.inputs[3])];
  let grad = c.grad;
  for (const [i, axis] of axesOf(c, rank).entries()) {
    const [from, to] = [x.shape[axis], y.shape[axis]];
    // sizes that stay keep their elements
    if (typeof from === 'number' && from === to && (sizes || axis < 2)) continue;
    if (typeof from === 'string' && from === to) continue;
    const identity =
      typeof from === 'number'
        ? c.constant(
            tensorOf(
              x.dtype,
              [from, from],
              Array.from({ length: from * from }, (_, k) => (k % (from + 1) === 0 ? 1 : 0)),
            ),
          )
        : square(c, op.Shape(x, { start: axis, end: axis + 1 }), x);
    const one = (v: Value, unit: Value) => op.Concat([op.Slice(v, [i], [i + 1]), unit], 0);
    const inputs = scales
      ? [identity, undefined, one(scales, c.constant(tensorOf('float32', [1], [1])))]
      : [identity, undefined, undefined, one(sizes as Value, op.Shape(identity, { start: 1 }))];
    const [matrix] = c.node('Resize', inputs, attrs); // [out, in]
    grad = alongAxis(c, grad, matrix as Value, axis);
  }
  return [c.reshapeLike(grad, x)];
}

const square = (c: VjpContext, n: Value, like: Value): Value =>
  c.op.EyeLike(c.op.Expand(c.scalar(0, like.dtype), c.op.Concat([n, n], 0)));

/** Σ over the axis: adjoint [.., out, ..] by matrix [out, in]. */
function alongAxis(c: VjpContext, grad: Value, matrix: Value, axis: number): Value {
  const { op } = c;
  const last = grad.shape.length - 1;
  if (axis === last) return op.MatMul(grad, matrix);
  if (axis === last - 1) return op.MatMul(op.Transpose(matrix, [1, 0]), grad);
  const perm = grad.shape.map((_, i) => (i === axis ? last : i === last ? axis : i));
  return op.Transpose(op.MatMul(op.Transpose(grad, perm), matrix), perm);
}

/** The matrix of a resized axis, written down from the standard: the rows hold the weights of the input elements. */
function matrixOf(from: number, to: number, scale: number, options: ResizeOptions): number[][] {
  const {
    mode = 'nearest',
    coordinate_transformation_mode: at = 'half_pixel',
    nearest_mode = 'round_prefer_floor',
  } = options;
  const source = (o: number): number => {
    if (at === 'asymmetric') return o / scale;
    if (at === 'align_corners') return to === 1 ? 0 : (o * (from - 1)) / (to - 1);
    if (at === 'pytorch_half_pixel') return to > 1 ? (o + 0.5) / scale - 0.5 : 0;
    return (o + 0.5) / scale - 0.5;
  };
  const round = (v: number): number => {
    if (nearest_mode === 'floor') return Math.floor(v);
    if (nearest_mode === 'ceil') return Math.ceil(v);
    return nearest_mode === 'round_prefer_ceil' ? Math.floor(v + 0.5) : Math.ceil(v - 0.5);
  };
  const clamp = (i: number) => Math.min(from - 1, Math.max(0, i));
  return Array.from({ length: to }, (_, o) => {
    const row = new Array<number>(from).fill(0);
    const add = (i: number, w: number) => (row[clamp(i)] = (row[clamp(i)] ?? 0) + w);
    const p = source(o);
    if (mode === 'nearest') add(round(p), 1);
    else {
      const low = Math.floor(p);
      add(low, 1 - (p - low));
      add(low + 1, p - low);
    }
    return row;
  });
}

/** An image [1, 2, 3, 4] to other sizes, beside products with the matrices of both axes. */
function resizeSample(
  name: string,
  to: readonly [number, number],
  options: ResizeOptions,
  byScale?: readonly [number, number],
): OpSample {
  const from = [3, 4];
  const scale = byScale ?? to.map((d, i) => d / (from[i] ?? 1));
  const target = byScale ? { scales: [1, 1, ...byScale] } : { sizes: [1, 2, ...to] };
  return sample(name, { x: real([1, 2, 3, 4]) }, (op, { x }) => op.Resize(x, { ...target, ...options }), {
    reference: (op, { x }) => {
      const matrix = (i: number): Value => {
        const rows = matrixOf(from[i] ?? 1, to[i] ?? 1, scale[i] ?? 1, options);
        return op.Constant(tensorOf('float64', [rows.length, from[i] ?? 1], rows.flat()));
      };
      return transformed(op, x, matrix(0), matrix(1));
    },
  });
}
const transformed = (op: OpFunctions, x: Value, rows: Value, columns: Value): Value =>
  op.MatMul(op.MatMul(rows, x), op.Transpose(columns, [1, 0]));

export const Resize: OpRule<'Resize'> = {
  since: 11,
  arity: [1, 4],
  attrs: {
    mode: 'string',
    coordinate_transformation_mode: 'string',
    nearest_mode: 'string',
    cubic_coeff_a: 'float',
    exclude_outside: 'int',
    extrapolation_value: 'float',
    antialias: 'int',
    axes: 'ints',
    keep_aspect_ratio_policy: 'string',
  },
  differentiable: [0],
  infer,
  emit: (b, x, { scales, sizes, ...options }) => {
    if (!scales === !sizes) throw new StrataError('invalid_graph', 'Resize takes either scales or sizes');
    const attrs = Object.fromEntries(
      Object.entries(options).map(([name, value]): [string, Attr] => [name, { type: 'string', value }]),
    );
    const factors = scales && b.constant(tensorOf('float32', [scales.length], scales));
    const wanted = sizes && ('dtype' in sizes ? sizes : b.ints(sizes));
    return b.node('Resize', [x, undefined, factors, wanted], attrs)[0] ?? x;
  },
  vjp: gradient,
  samples: [
    resizeSample(
      'nearest, doubled',
      [6, 8],
      { coordinate_transformation_mode: 'asymmetric', nearest_mode: 'floor' },
      [2, 2],
    ),
    resizeSample('nearest to sizes', [2, 7], { mode: 'nearest' }),
    resizeSample('linear, half pixels', [5, 6], { mode: 'linear' }),
    resizeSample('linear, PyTorch half pixels', [1, 6], {
      mode: 'linear',
      coordinate_transformation_mode: 'pytorch_half_pixel',
    }),
    resizeSample('linear, corners', [5, 3], { mode: 'linear', coordinate_transformation_mode: 'align_corners' }),
    resizeSample(
      'linear, asymmetric scales',
      [4, 10],
      { mode: 'linear', coordinate_transformation_mode: 'asymmetric' },
      [1.5, 2.5],
    ),
  ],
};
