import type { Attrs } from '../types.js';
import { intAttr, type InferContext, type OpRule, type OpSample, type VjpContext } from './rule.js';
import { constant, real, sample } from './samples.js';
import type { OpFunctions, PoolOptions, Value } from './signatures.js';
import { WINDOW_ATTRS, windowSizes, windowsOf } from './windows.js';

export const POOL_ATTRS = { ...WINDOW_ATTRS, ceil_mode: 'int' } as const;

/** Type and shape of what a pool gives. */
export function poolInfer(ctx: InferContext): { dtype: Value['dtype']; shape: Value['shape'] } {
  const x = ctx.input(0);
  if (x.shape.length < 3) ctx.fail(`it takes an image [N, C, …], not rank ${x.shape.length}`);
  const [n = 1, c = 1, ...sizes] = x.shape;
  const windows = windowsOf(ctx, sizes);
  return { dtype: x.dtype, shape: [n, c, ...windowSizes(windows, sizes, (p) => ctx.fail(p))] };
}

/** Options of a pool as attributes. */
export const poolAttrs = (kernel: readonly number[], options: PoolOptions): Attrs => ({
  kernel_shape: { type: 'ints', value: kernel },
  ...(options.strides ? { strides: { type: 'ints', value: options.strides } } : {}),
  ...(options.dilations ? { dilations: { type: 'ints', value: options.dilations } } : {}),
  ...(options.pads ? { pads: { type: 'ints', value: options.pads } } : {}),
  ...(options.auto_pad ? { auto_pad: { type: 'string', value: options.auto_pad } } : {}),
  ...(options.ceil_mode ? { ceil_mode: { type: 'int', value: 1 } } : {}),
});

/** Each adjoint goes to the element that was the largest of its window; windows that share it add up. */
function scatter(c: VjpContext, indices: Value): readonly (Value | undefined)[] {
  const [grad] = c.grads;
  if (!grad) return [];
  const x = c.input(0);
  const zeros = c.op.Expand(c.scalar(0, x.dtype), c.op.Reshape(c.op.Size(x), [1]));
  const sums = c.op.ScatterElements(zeros, c.op.Reshape(indices, [-1]), c.op.Reshape(grad, [-1]), { reduction: 'add' });
  return [c.reshapeLike(sums, x)];
}

/** The largest of the shifted images, for types and settings that the runtime has no MaxPool for. */
const poolSample = (
  name: string,
  x: readonly number[],
  kernel: readonly number[],
  options: PoolOptions & { static?: boolean } = {},
): OpSample =>
  sample(name, { x: real(x) }, (op, v) => op.MaxPool(v.x, kernel, options)[0], { static: options.static ?? false });

/** Windows of a column of 5 with a dilation of 2, as slices. */
const dilated = (op: OpFunctions, x: Value): Value =>
  op.Max(op.Slice(x, [0], [3], [2]), op.Add(op.Slice(x, [2], [5], [2]), constant(op, 0)));

export const MaxPool: OpRule<'MaxPool'> = {
  since: 12,
  arity: [1, 1],
  outputs: [1, 2],
  attrs: { ...POOL_ATTRS, storage_order: 'int' },
  infer: (ctx) => {
    const { dtype, shape } = poolInfer(ctx);
    return [
      { dtype, shape },
      { dtype: 'int64', shape },
    ];
  },
  emit: (b, x, kernel, options = {}) => {
    const [y, indices] = b.node('MaxPool', [x], poolAttrs(kernel, options), { outputs: 2 });
    return [y ?? x, indices ?? x];
  },
  // the places of the largest elements, counted through the whole tensor, come with the result
  trained: (c) => {
    if (intAttr(c.attrs, 'storage_order', 0) === 1)
      c.fail('it counts places column by column, which has no gradient here');
    const [y, indices] = c.node('MaxPool', [c.input(0)], c.attrs, { outputs: 2 });
    return {
      outputs: [y, c.wanted(1) ? indices : undefined],
      vjp: (v) => scatter(v, indices as Value),
    };
  },
  vjp: (c) => scatter(c, c.output(1)),
  samples: [
    poolSample('2 × 2', [2, 2, 4, 6], [2, 2], { strides: [2, 2] }),
    poolSample('windows that overlap', [1, 2, 5, 5], [3, 3], { strides: [2, 2], pads: [1, 1, 1, 1] }),
    poolSample('every place', [1, 1, 4, 4], [2, 3], { pads: [0, 1, 1, 1] }),
    poolSample('rounded up', [1, 1, 5, 4], [2, 2], { strides: [2, 2], ceil_mode: true, static: true }),
    poolSample('one axis', [2, 2, 7], [3], { strides: [2] }),
    sample('dilation', { x: real([1, 1, 5]) }, (op, { x }) => op.MaxPool(x, [2], { dilations: [2] })[0], {
      reference: (op, { x }) => dilated(op, x),
    }),
    poolSample('same size', [1, 1, 4, 3], [2, 2], { auto_pad: 'SAME_UPPER' }),
  ],
};
