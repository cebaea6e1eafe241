import type { Attrs, Dim } from '../types.js';
import type { VjpContext } from './rule.js';
import type { Value } from './signatures.js';
import { knownPads, span, windowSizes, type Windows } from './windows.js';

/*
 * Gradients of y = conv(x, w), x [N, C, …], w [M, C/g, …], y [N, M, …], in operators that every device has. Transposed convolutions use the same functions with the roles of x and y
 * exchanged. `lower/` has faster forms of some for the CPU.
 */

const ints = (value: readonly number[]): Attrs[string] => ({ type: 'ints', value });
const int = (value: number): Attrs[string] => ({ type: 'int', value });
const spatial = (x: Value): readonly Dim[] => x.shape.slice(2);
const isKnown = (dims: readonly Dim[]): dims is readonly number[] => dims.every((d) => typeof d === 'number');

/** `x` [N, …] with its channels split or joined: the sizes `lead`, one of them -1, before the spatial ones. */
function withLead(c: VjpContext, x: Value, lead: readonly number[], sizesOf: Value): Value {
  const sizes = spatial(sizesOf);
  const shape = isKnown(sizes)
    ? c.ints([...lead, ...sizes])
    : c.op.Concat([c.ints(lead), c.op.Shape(sizesOf, { start: 2 })], 0);
  return c.op.Reshape(x, shape);
}

/** [N, C, …] → [C, N, …]. */
function swapFirst(c: VjpContext, x: Value): Value {
  return c.op.Transpose(x, [1, 0, ...x.shape.slice(2).map((_, i) => i + 2)]);
}

/** Weights [M, C/g, …] as those of the convolution that runs backwards, [C, M/g, …]: groups kept, every window turned round. */
function turned(c: VjpContext, w: Value, kernel: readonly number[], group: number): Value {
  const axes = kernel.map((_, i) => i + 2);
  const [m, cg] = [w.shape[0], w.shape[1]];
  let swapped = swapFirst(c, w);
  if (group > 1) {
    if (typeof m !== 'number' || typeof cg !== 'number') return c.fail('its weights need known sizes to have groups');
    const split = c.op.Reshape(w, [group, m / group, cg, ...kernel]);
    const perm = [0, 2, 1, ...kernel.map((_, i) => i + 3)];
    swapped = c.op.Reshape(c.op.Transpose(split, perm), [group * cg, m / group, ...kernel]);
  }
  const long = axes.filter((a) => (kernel[a - 2] ?? 1) > 1);
  if (long.length === 0) return swapped;
  return c.op.Slice(
    swapped,
    long.map(() => -1),
    long.map(() => -(2 ** 31)),
    long,
    long.map(() => -1),
  );
}

/** Elements of each padded axis that no window reaches: what the division by the stride leaves over. */
function leftOver(win: Windows, sizes: readonly number[], c: VjpContext): number[] {
  const { before, after } = knownPads(win, (p) => c.fail(p));
  const given = windowSizes(win, sizes, (p) => c.fail(p)).map(Number);
  return sizes.map(
    (d, i) => d + (before[i] ?? 0) + (after[i] ?? 0) - span(win, i) - ((given[i] ?? 1) - 1) * (win.strides[i] ?? 1),
  );
}

/** dx from dy: the transposed convolution. `x` gives the sizes. */
export function convInputGradient(c: VjpContext, dy: Value, w: Value, x: Value, win: Windows, group: number): Value {
  const { before, after } = knownPads(win, (p) => c.fail(p));
  const { kernel, strides, dilations } = win;
  const back = (pads: readonly number[]) => pads.map((p, i) => span(win, i) - 1 - p);
  const shared = { dilations: ints(dilations), group: int(group), kernel_shape: ints(kernel) };
  if (strides.every((s) => s === 1) && [...back(before), ...back(after)].every((p) => p >= 0)) {
    const pads = ints([...back(before), ...back(after)]);
    const [dx] = c.node('Conv', [dy, turned(c, w, kernel, group)], { ...shared, pads });
    return dx as Value;
  }
  const sizes = spatial(x);
  if (isKnown(sizes)) {
    const extra = leftOver(win, sizes, c);
    const [dx] = c.node('ConvTranspose', [dy, w], {
      ...shared,
      strides: ints(strides),
      pads: ints([...before, ...after]),
      output_padding: ints(extra),
    });
    return dx as Value;
  }
  // without padding, then the part that is the input: the run knows which
  const [full] = c.node('ConvTranspose', [dy, w], { ...shared, strides: ints(strides) });
  const none = [0, 0];
  const padded = c.op.Pad(full as Value, [...none, ...strides.map(() => 0), ...none, ...strides.map((s) => s - 1)]);
  const starts = c.ints(before);
  const axes = before.map((_, i) => i + 2);
  return c.op.Slice(padded, starts, c.op.Add(starts, c.op.Shape(x, { start: 2 })), axes);
}

/**
 * dw from x and dy: a convolution of x by dy in which rows and channels have changed places, stride and dilation too.
 * @param w gives the sizes
 */
export function convWeightGradient(c: VjpContext, x: Value, dy: Value, w: Value, win: Windows, group: number): Value {
  const { before, after } = knownPads(win, (p) => c.fail(p));
  const { kernel, strides, dilations } = win;
  if (strides.some((s) => s > 1) && [...kernel.map((k) => k - 1), ...before, ...after].every((v) => v === 0)) {
    // only every stride-th element of x is seen
    const axes = kernel.map((_, i) => i + 2);
    const seen = c.op.Slice(
      x,
      kernel.map(() => 0),
      kernel.map(() => 2 ** 31 - 1),
      axes,
      strides,
    );
    return convWeightGradient(c, seen, dy, w, { ...win, strides: kernel.map(() => 1) }, group);
  }
  let rows = swapFirst(c, x);
  if (group > 1) {
    const cg = w.shape[1];
    if (typeof cg !== 'number') return c.fail('its weights need known sizes to have groups');
    const split = withLead(c, x, [-1, group, cg], x);
    const turnedRows = c.op.Transpose(split, [2, 1, 0, ...kernel.map((_, i) => i + 3)]);
    rows = withLead(c, turnedRows, [cg, -1], x);
  }
  // rows of x beyond the last window make the result larger: as far as they are padding they are left out
  const sizes = spatial(x);
  const extra = isKnown(sizes) ? leftOver(win, sizes, c) : undefined;
  const end = after.map((p, i) => (extra && p >= (extra[i] ?? 0) ? p - (extra[i] ?? 0) : p));
  const [product] = c.node('Conv', [rows, swapFirst(c, dy)], {
    strides: ints(dilations),
    dilations: ints(strides),
    pads: ints([...before, ...end]),
    group: int(group),
  });
  const dw = swapFirst(c, product as Value);
  const exact = extra?.every((e, i) => e === 0 || end[i] !== after[i]);
  if (exact ?? strides.every((s) => s === 1)) return dw;
  const axes = kernel.map((_, i) => i + 2);
  return c.op.Slice(
    dw,
    kernel.map(() => 0),
    kernel,
    axes,
  );
}
