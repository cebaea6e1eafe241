import { showShape } from '../dims.js';
import type { Dim } from '../types.js';
import { convWeightGradient } from './conv-gradients.js';
import { convTransposeByDefinition, type ConvCase } from './conv-samples.js';
import { intAttr, intsAttr, stringAttr, type InferContext, type OpRule, type OpSample } from './rule.js';
import { real, sample } from './samples.js';
import { span, transposedSizes, WINDOW_ATTRS, windowsOf, type Windows } from './windows.js';

/** Windows of the convolution that this one transposes, and what `output_padding` adds to its input. */
function shapeOf(
  c: Pick<InferContext, 'attrs' | 'fail'>,
  sizes: readonly Dim[],
  kernel: readonly Dim[],
): { windows: Windows; extra: readonly number[] } {
  const extra = intsAttr(c.attrs, 'output_padding') ?? sizes.map(() => 0);
  const wanted = intsAttr(c.attrs, 'output_shape')?.slice(-sizes.length);
  const auto = stringAttr(c.attrs, 'auto_pad', 'NOTSET');
  if (!wanted && !auto.startsWith('SAME')) return { windows: windowsOf(c, sizes, kernel), extra };
  const plain = windowsOf({ ...c, attrs: { ...c.attrs, auto_pad: { type: 'string', value: 'VALID' } } }, sizes, kernel);
  const total = sizes.map((d, i) => {
    const stride = plain.strides[i] ?? 1;
    // (d - 1) stride + span + extra - total = the size that is wanted
    const target = wanted?.[i];
    if (target === undefined) return span(plain, i) - stride + (extra[i] ?? 0);
    if (typeof d !== 'number') return c.fail('it has an output_shape, which needs input sizes that are known');
    return (d - 1) * stride + span(plain, i) + (extra[i] ?? 0) - target;
  });
  const [low, high] = [total.map((t) => Math.floor(t / 2)), total.map((t) => Math.ceil(t / 2))];
  const upper = auto === 'SAME_UPPER';
  return { windows: { ...plain, before: upper ? low : high, after: upper ? high : low }, extra };
}

function transposeSample(
  name: string,
  x: readonly number[],
  w: readonly number[],
  options: Partial<ConvCase> & {
    bias?: boolean;
    extra?: readonly number[];
    output_shape?: readonly number[];
    static?: boolean;
  } = {},
): OpSample {
  const kernel = w.slice(2);
  const same = (v: number) => kernel.map(() => v);
  const k: ConvCase = {
    kernel,
    strides: same(1),
    dilations: same(1),
    before: same(0),
    after: same(0),
    group: 1,
    ...options,
  };
  const extra = options.extra ?? same(0);
  const filters = (w[1] ?? 1) * k.group;
  const attrs = {
    strides: k.strides,
    dilations: k.dilations,
    group: k.group,
    output_padding: extra,
    ...(options.output_shape ? { output_shape: options.output_shape } : { pads: [...k.before, ...k.after] }),
  };
  const inputs = {
    x: real(x, { phase: 0.11 }),
    w: real([w.reduce((a, b) => a * b, 1)], { min: -1, max: 1, phase: 0.4 }),
    b: real([filters], { phase: 0.7 }),
  };
  return sample(
    name,
    inputs,
    (op, v) => op.ConvTranspose(v.x, op.Reshape(v.w, w), options.bias ? op.Reshape(v.b, [filters]) : undefined, attrs),
    {
      static: options.static ?? false,
      reference: (op, v) => {
        const y = convTransposeByDefinition(op, v.x, op.Reshape(v.w, w), k, extra);
        return options.bias ? op.Add(y, op.Reshape(v.b, [filters, ...kernel.map(() => 1)])) : y;
      },
    },
  );
}

/** The gradient of Conv with respect to its image, as an operator: weights are [C, M/group, …]. */
export const ConvTranspose: OpRule<'ConvTranspose'> = {
  since: 11,
  arity: [2, 3],
  attrs: { ...WINDOW_ATTRS, group: 'int', output_padding: 'ints', output_shape: 'ints' },
  infer: (ctx) => {
    const [x, w] = [ctx.input(0), ctx.input(1)];
    if (x.dtype !== w.dtype) ctx.fail(`its image is ${x.dtype} and its weights are ${w.dtype}`);
    if (x.shape.length < 3 || w.shape.length !== x.shape.length)
      return ctx.fail(
        `it takes an image [N, C, …] and weights [C, M/group, …] of the same rank, not ${showShape(x.shape)} and ${showShape(w.shape)}`,
      );
    const [n = 1, c = 1, ...sizes] = x.shape;
    const [rows = 1, mg = 1, ...kernel] = w.shape;
    if (typeof c === 'number' && typeof rows === 'number' && c !== rows)
      ctx.fail(`its image has ${c} channels, but its weights ${showShape(w.shape)} take ${rows}`);
    const group = intAttr(ctx.attrs, 'group', 1);
    const m: Dim = typeof mg === 'number' ? mg * group : group === 1 ? mg : '?';
    if (!ctx.attrs['kernel_shape'] && kernel.some((k) => typeof k === 'string'))
      return [{ dtype: x.dtype, shape: [n, m, ...sizes.map(() => '?')] }];
    const { windows, extra } = shapeOf(ctx, sizes, kernel);
    return [{ dtype: x.dtype, shape: [n, m, ...transposedSizes(windows, sizes, extra)] }];
  },
  // y is the image that a convolution would read: dx = conv(dy, w), dw as that of the convolution with image dy and adjoint x
  vjp: (c) => {
    const [x, w] = [c.input(0), c.input(1)];
    const group = intAttr(c.attrs, 'group', 1);
    const { windows, extra } = shapeOf(c, x.shape.slice(2), w.shape.slice(2));
    if (extra.some((e, i) => e >= (windows.strides[i] ?? 1)))
      return c.fail('its output_padding reaches a stride, for which it has no gradient here');
    const { kernel, strides, dilations, before, after } = windows;
    const dx = () =>
      c.node('Conv', [c.grad, w], {
        kernel_shape: { type: 'ints', value: kernel },
        strides: { type: 'ints', value: strides },
        dilations: { type: 'ints', value: dilations },
        pads: { type: 'ints', value: [...before, ...after].map(Number) },
        group: { type: 'int', value: group },
      })[0];
    const axes = x.shape.map((_, i) => i).filter((i) => i !== 1);
    return [
      c.needs(0) ? dx() : undefined,
      c.needs(1) ? convWeightGradient(c, c.grad, x, w, windows, group) : undefined,
      c.needs(2) ? c.op.ReduceSum(c.grad, { axes }) : undefined,
    ];
  },
  samples: [
    transposeSample('plain', [2, 2, 3, 4], [2, 3, 3, 2], { bias: true }),
    transposeSample('stride', [2, 2, 3, 3], [2, 2, 3, 3], {
      strides: [2, 2],
      before: [1, 1],
      after: [1, 1],
      extra: [1, 1],
    }),
    transposeSample('uneven stride and padding', [1, 2, 3, 2], [2, 2, 4, 3], {
      strides: [2, 3],
      before: [1, 0],
      after: [2, 1],
      extra: [0, 1],
    }),
    transposeSample('dilation', [1, 2, 3, 4], [2, 2, 2, 2], { dilations: [2, 1], before: [1, 0], after: [0, 0] }),
    transposeSample('groups', [1, 4, 3, 3], [4, 2, 2, 2], { group: 2, strides: [2, 1] }),
    transposeSample('one axis', [2, 3, 4], [3, 2, 4], { strides: [2], before: [1], after: [1], bias: true }),
    transposeSample('chosen size', [1, 2, 3, 3], [2, 1, 3, 3], {
      strides: [2, 2],
      before: [1, 1],
      after: [0, 0],
      output_shape: [6, 6],
      static: true,
    }),
  ],
};
