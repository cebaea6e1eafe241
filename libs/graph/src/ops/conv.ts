import { broadcastDim, showShape } from '../dims.js';
import { intAttr, type InferContext, type Inferred, type OpRule, type OpSample } from './rule.js';
import { convInputGradient, convWeightGradient } from './conv-gradients.js';
import { convByDefinition, type ConvCase } from './conv-samples.js';
import { real, sample } from './samples.js';
import { WINDOW_ATTRS, windowSizes, windowsOf } from './windows.js';

function infer(ctx: InferContext): readonly Inferred[] {
  const [x, w] = [ctx.input(0), ctx.input(1)];
  if (x.dtype !== w.dtype) ctx.fail(`its image is ${x.dtype} and its weights are ${w.dtype}`);
  if (x.shape.length < 3 || w.shape.length !== x.shape.length)
    return ctx.fail(
      `it takes an image [N, C, …] and weights [M, C/group, …] of the same rank, not ${showShape(x.shape)} and ${showShape(w.shape)}`,
    );
  const group = intAttr(ctx.attrs, 'group', 1);
  const [n = 1, c = 1, ...sizes] = x.shape;
  const [m = 1, cg = 1, ...kernel] = w.shape;
  if (typeof c === 'number' && typeof cg === 'number' && c !== cg * group)
    ctx.fail(`its image has ${c} channels, but its weights ${showShape(w.shape)} take ${cg} × ${group} (groups)`);
  if (typeof m === 'number' && m % group !== 0) ctx.fail(`its ${m} filters are not a multiple of ${group} groups`);
  const bias = ctx.inputs[2];
  if (bias && (bias.shape.length !== 1 || broadcastDim(bias.shape[0] ?? 1, m) === undefined))
    ctx.fail(`its bias must be [${m}], not ${showShape(bias.shape)}`);
  // weights of unknown size: only the rank of the result is known
  if (!ctx.attrs['kernel_shape'] && kernel.some((k) => typeof k === 'string'))
    return [{ dtype: x.dtype, shape: [n, m, ...sizes.map(() => '?')] }];
  const windows = windowsOf(ctx, sizes, kernel);
  return [{ dtype: x.dtype, shape: [n, m, ...windowSizes(windows, sizes, (p) => ctx.fail(p))] }];
}

/** A sample beside the definition. The image has open sizes in the symbolic variants, the weights have known ones, as in any model. */
function convSample(
  name: string,
  x: readonly number[],
  w: readonly number[],
  options: Partial<ConvCase> & {
    bias?: boolean;
    auto_pad?: 'SAME_UPPER' | 'SAME_LOWER' | 'VALID';
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
  const count = w.reduce((a, b) => a * b, 1);
  const attrs = {
    strides: k.strides,
    dilations: k.dilations,
    group: k.group,
    ...(options.auto_pad ? { auto_pad: options.auto_pad } : { pads: [...k.before, ...k.after] }),
  };
  const inputs = {
    x: real(x, { phase: 0.11 }),
    w: real([count], { min: -1, max: 1, phase: 0.4 }),
    b: real([w[0] ?? 1], { phase: 0.7 }),
  };
  return sample(
    name,
    inputs,
    (op, v) => op.Conv(v.x, op.Reshape(v.w, w), options.bias ? op.Reshape(v.b, [w[0] ?? 1]) : undefined, attrs),
    {
      static: options.static ?? false,
      reference: (op, v) => {
        const y = convByDefinition(op, v.x, op.Reshape(v.w, w), k);
        return options.bias ? op.Add(y, op.Reshape(v.b, [w[0] ?? 1, ...kernel.map(() => 1)])) : y;
      },
    },
  );
}

/** Cross-correlation, as every library calls it a convolution. */
export const Conv: OpRule<'Conv'> = {
  since: 11,
  arity: [2, 3],
  attrs: { ...WINDOW_ATTRS, group: 'int' },
  infer,
  // dx = the transposed convolution of dy; dw = x convolved by dy with rows as channels; db = Σ dy over all but channels
  vjp: (c) => {
    const [x, w] = [c.input(0), c.input(1)];
    const group = intAttr(c.attrs, 'group', 1);
    const windows = windowsOf(c, x.shape.slice(2), w.shape.slice(2));
    const axes = x.shape.map((_, i) => i).filter((i) => i !== 1);
    return [
      c.needs(0) ? convInputGradient(c, c.grad, w, x, windows, group) : undefined,
      c.needs(1) ? convWeightGradient(c, x, c.grad, w, windows, group) : undefined,
      c.needs(2) ? c.op.ReduceSum(c.grad, { axes }) : undefined,
    ];
  },
  samples: [
    convSample('3 × 3', [2, 2, 4, 5], [3, 2, 3, 3], { before: [1, 1], after: [1, 1], bias: true }),
    convSample('stride with a remainder', [2, 2, 6, 5], [2, 2, 3, 2], {
      strides: [2, 2],
      before: [1, 0],
      after: [1, 1],
    }),
    convSample('dilation', [1, 2, 6, 7], [2, 2, 2, 3], { dilations: [3, 2], before: [0, 1], after: [1, 0] }),
    convSample('stride and dilation', [1, 1, 8, 9], [2, 1, 2, 2], { strides: [2, 3], dilations: [2, 3] }),
    convSample('groups', [2, 4, 4, 3], [6, 2, 3, 2], { group: 2, before: [1, 0], after: [1, 1] }),
    convSample('depthwise with stride', [2, 3, 5, 5], [3, 1, 3, 3], {
      group: 3,
      strides: [2, 2],
      before: [1, 1],
      after: [1, 1],
    }),
    convSample('1 × 1', [2, 3, 3, 2], [4, 3, 1, 1], { bias: true }),
    convSample('1 × 1 with stride', [2, 3, 6, 5], [2, 3, 1, 1], { strides: [2, 3] }),
    convSample('more padding than the kernel', [1, 1, 2, 2], [1, 1, 2, 2], { before: [2, 1], after: [1, 2] }),
    convSample('one axis', [2, 3, 7], [2, 3, 3], { strides: [2], before: [1], after: [1], bias: true }),
    convSample('one axis, dilated', [2, 2, 7], [2, 2, 3], { dilations: [2], before: [2], after: [2] }),
    convSample('padded to the same size', [1, 2, 4, 5], [2, 2, 3, 2], {
      auto_pad: 'SAME_UPPER',
      before: [1, 0],
      after: [1, 1],
    }),
    convSample('padded to the same size, stride', [1, 2, 5, 4], [2, 2, 3, 3], {
      auto_pad: 'SAME_LOWER',
      strides: [2, 2],
      before: [1, 1],
      after: [1, 0],
      static: true,
    }),
  ],
};
