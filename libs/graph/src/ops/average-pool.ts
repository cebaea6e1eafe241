import { isStatic } from '../dims.js';
import type { Attrs, Shape } from '../types.js';
import { tensorOf } from '../tensor.js';
import { convByDefinition } from './conv-samples.js';
import { POOL_ATTRS, poolAttrs, poolInfer } from './max-pool.js';
import { intAttr, type OpRule, type OpSample, type VjpContext } from './rule.js';
import { real, sample } from './samples.js';
import type { PoolOptions, Value } from './signatures.js';
import { knownPads, span, windowSizes, windowsOf, type Windows } from './windows.js';

/** Elements that the windows along an axis average over: all their places, or those inside the input. */
function counts(w: Windows, axis: number, size: number, out: number, withPads: boolean): number[] {
  const [kernel, stride, dilation] = [w.kernel[axis] ?? 1, w.strides[axis] ?? 1, w.dilations[axis] ?? 1];
  const before = w.before[axis] ?? 0;
  const [low, high] = withPads ? [-before, size + (w.after[axis] ?? 0)] : [0, size];
  return Array.from({ length: out }, (_, o) => {
    const places = Array.from({ length: kernel }, (_, i) => o * stride - before + i * dilation);
    return places.filter((p) => p >= low && p < high).length;
  });
}

/** The adjoint divided by the number of elements of each window. */
function shares(c: VjpContext, w: Windows, x: Value): Value {
  const withPads = intAttr(c.attrs, 'count_include_pad', 0) === 1;
  const sizes: Shape = x.shape.slice(2);
  const area = w.kernel.reduce((a, b) => a * b, 1);
  const { before, after } = knownPads(w, (p) => c.fail(p));
  if (!w.ceil && (withPads || [...before, ...after].every((p) => p === 0)))
    return c.op.Mul(c.grad, c.scalar(1 / area, x.dtype));
  if (!isStatic(sizes))
    return c.fail('how many elements its windows have depends on sizes that are not known: give count_include_pad');
  const out = windowSizes(w, sizes, (p) => c.fail(p)).map(Number);
  const perAxis = sizes.map((d, i) => counts(w, i, d, out[i] ?? 0, withPads));
  let inverse = [1];
  for (const list of perAxis) inverse = inverse.flatMap((a) => list.map((n) => a / n));
  return c.op.Mul(c.grad, c.constant(tensorOf(x.dtype, [1, 1, ...out], inverse)));
}

/** Spreads an adjoint over the windows: a transposed convolution of single channels with a window of ones. */
function spread(c: VjpContext, share: Value, w: Windows, x: Value): Value {
  const sizes: Shape = x.shape.slice(2);
  const { before } = knownPads(w, (p) => c.fail(p));
  const axes = sizes.map((_, i) => i);
  const given = (v: Value, from: Value): Value => {
    const dims: Shape = from.shape.slice(2);
    const shape = isStatic(dims)
      ? c.ints([-1, 1, ...dims])
      : c.op.Concat([c.ints([-1, 1]), c.op.Shape(from, { start: 2 })], 0);
    return c.op.Reshape(v, shape);
  };
  const ones = c.constant(
    tensorOf(x.dtype, [1, 1, ...w.kernel], new Array<number>(w.kernel.reduce((a, b) => a * b, 1)).fill(1)),
  );
  const [full] = c.node('ConvTranspose', [given(share, c.grad), ones], {
    kernel_shape: { type: 'ints', value: w.kernel },
    strides: { type: 'ints', value: w.strides },
    dilations: { type: 'ints', value: w.dilations },
  });
  // the padded input, at least: rows that no window reaches are added, those beyond it are cut off
  const room = axes.map((i) => Math.max(span(w, i), w.strides[i] ?? 1));
  const padded = c.op.Pad(full as Value, [0, 0, ...axes.map(() => 0), 0, 0, ...room]);
  const starts = c.ints(before);
  const ends = isStatic(sizes)
    ? c.ints(sizes.map((d, i) => d + (before[i] ?? 0)))
    : c.op.Add(starts, c.op.Shape(x, { start: 2 }));
  return c.reshapeLike(
    c.op.Slice(
      padded,
      starts,
      ends,
      axes.map((i) => i + 2),
    ),
    x,
  );
}

/** A sample beside a convolution with a window of equal weights, where all windows have as many elements. */
function poolSample(
  name: string,
  x: readonly number[],
  kernel: readonly number[],
  options: PoolOptions & { static?: boolean } = {},
): OpSample {
  const rank = kernel.length;
  const { strides = kernel.map(() => 1), pads = [...kernel, ...kernel].map(() => 0) } = options;
  const k = {
    kernel,
    strides,
    dilations: options.dilations ?? kernel.map(() => 1),
    before: pads.slice(0, rank),
    after: pads.slice(rank),
    group: 1,
  };
  return sample(name, { x: real(x) }, (op, v) => op.AveragePool(v.x, kernel, options), {
    static: options.static ?? false,
    reference: (op, v) => {
      const channels = x[1] ?? 1;
      const area = kernel.reduce((a, b) => a * b, 1);
      const one = op.Constant(
        tensorOf('float64', [channels, 1, ...kernel], new Array<number>(channels * area).fill(1)),
      );
      const sum = convByDefinition(op, v.x, one, { ...k, group: channels });
      if (options.count_include_pad) return op.Div(sum, op.Constant(tensorOf('float64', [], [area])));
      const inside = op.Constant(tensorOf('float64', x, new Array<number>(x.reduce((a, b) => a * b, 1)).fill(1)));
      return op.Div(sum, convByDefinition(op, inside, one, { ...k, group: channels }));
    },
  });
}

export const AveragePool: OpRule<'AveragePool'> = {
  since: 11,
  arity: [1, 1],
  attrs: { ...POOL_ATTRS, count_include_pad: 'int' },
  infer: (ctx) => [poolInfer(ctx)],
  emit: (b, x, kernel, options = {}) => {
    const include: Attrs = options.count_include_pad ? { count_include_pad: { type: 'int', value: 1 } } : {};

    const [y] = b.node('AveragePool', [x], { ...poolAttrs(kernel, options), ...include });
    return y ?? x;
  },
  // every element of a window gets its share
  vjp: (c) => {
    const x = c.input(0);
    const windows = windowsOf(c, x.shape.slice(2));
    return [spread(c, shares(c, windows, x), windows, x)];
  },
  samples: [
    poolSample('2 × 2', [2, 2, 4, 6], [2, 2], { strides: [2, 2] }),
    poolSample('windows that overlap', [1, 2, 5, 6], [3, 2], { strides: [2, 1] }),
    poolSample('padding counts', [1, 2, 5, 4], [3, 3], {
      strides: [2, 2],
      pads: [1, 1, 1, 1],
      count_include_pad: true,
    }),
    poolSample('padding does not count', [1, 2, 5, 4], [3, 3], { strides: [2, 2], pads: [1, 1, 1, 1], static: true }),
    poolSample('one axis', [2, 2, 7], [3], { strides: [2] }),
  ],
};
