import { product, sum } from '../dims.js';
import type { Attrs, Dim } from '../types.js';
import { intAttr, intsAttr, stringAttr } from './rule.js';

/** Attributes that convolutions and pools share. */
export const WINDOW_ATTRS = {
  auto_pad: 'string',
  kernel_shape: 'ints',
  strides: 'ints',
  dilations: 'ints',
  pads: 'ints',
} as const;

/** How a window moves over the spatial axes. */
export interface Windows {
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  /** Before and after each axis. An entry is undefined where it depends on a size that is known only when the graph runs. */
  readonly before: readonly (number | undefined)[];
  readonly after: readonly (number | undefined)[];
  readonly ceil: boolean;
}

interface Source {
  readonly attrs: Attrs;
  fail(problem: string): never;
}

/** Elements that a window spans. */
export const span = (w: Pick<Windows, 'kernel' | 'dilations'>, axis: number): number =>
  ((w.kernel[axis] ?? 1) - 1) * (w.dilations[axis] ?? 1) + 1;

/**
 * The windows of a node over an input of these spatial sizes.
 * @param kernel sizes of the kernel as the weights give them; pools have only the attribute
 */
export function windowsOf(c: Source, sizes: readonly Dim[], kernel?: readonly Dim[]): Windows {
  const rank = sizes.length;
  const list = (name: string, length: number, fallback: number): readonly number[] => {
    const given = intsAttr(c.attrs, name);
    if (given && given.length !== length)
      return c.fail(`its ${name} must be ${length} numbers for ${rank} spatial axes, not ${given.length}`);
    return given ?? Array.from({ length }, () => fallback);
  };
  const fromAttr = intsAttr(c.attrs, 'kernel_shape');
  const sized =
    fromAttr ??
    (kernel?.every((k) => typeof k === 'number') ? kernel.map(Number) : c.fail('its kernel has no known size'));
  if (sized.length !== rank) c.fail(`its kernel has ${sized.length} axes and its input ${rank} spatial ones`);
  kernel?.forEach((k, i) => {
    if (typeof k === 'number' && k !== sized[i])
      c.fail(`its kernel_shape [${sized.join(', ')}] is not that of its weights`);
  });
  const strides = list('strides', rank, 1);
  const dilations = list('dilations', rank, 1);
  const shape = { kernel: sized, strides, dilations };
  const auto = stringAttr(c.attrs, 'auto_pad', 'NOTSET');
  const ceil = intAttr(c.attrs, 'ceil_mode', 0) === 1;
  if (auto === 'NOTSET' || auto === 'VALID') {
    const pads = auto === 'VALID' ? Array.from({ length: 2 * rank }, () => 0) : list('pads', 2 * rank, 0);
    return { ...shape, before: pads.slice(0, rank), after: pads.slice(rank), ceil: ceil && auto === 'NOTSET' };
  }
  if (auto !== 'SAME_UPPER' && auto !== 'SAME_LOWER') return c.fail(`its auto_pad "${auto}" is not known`);
  const total = sizes.map((d, i) => {
    const stride = strides[i] ?? 1;
    // without a stride the output is as large as the input whatever that is
    if (stride === 1) return span(shape, i) - 1;
    if (typeof d !== 'number') return undefined;
    return Math.max((Math.ceil(d / stride) - 1) * stride + span(shape, i) - d, 0);
  });
  const small = total.map((t) => (t === undefined ? undefined : Math.floor(t / 2)));
  const large = total.map((t) => (t === undefined ? undefined : Math.ceil(t / 2)));
  return auto === 'SAME_UPPER'
    ? { ...shape, before: small, after: large, ceil: false }
    : { ...shape, before: large, after: small, ceil: false };
}

/** Sizes of what the windows give: ⌊(d + pads - span) / stride⌋ + 1. */
export function windowSizes(w: Windows, sizes: readonly Dim[], fail: (problem: string) => never): Dim[] {
  return sizes.map((d, i) => {
    const [before, after, stride] = [w.before[i], w.after[i], w.strides[i] ?? 1];
    if (before === undefined || after === undefined) return '?';
    const rest = before + after - span(w, i);
    if (typeof d !== 'number') return stride !== 1 ? '?' : rest === -1 ? d : sum([d, rest + 1]);
    if (d + rest < 0)
      return fail(`its window of ${span(w, i)} is larger than the ${d + before + after} elements of spatial axis ${i}`);
    const size = (w.ceil ? Math.ceil : Math.floor)((d + rest) / stride) + 1;
    // a last window must begin inside the input or the padding before it
    return w.ceil && (size - 1) * stride >= d + before ? size - 1 : size;
  });
}

/** Sizes of a transposed convolution: (d - 1) · stride + span - pads + extra. */
export function transposedSizes(w: Windows, sizes: readonly Dim[], extra: readonly number[]): Dim[] {
  return sizes.map((d, i) => {
    const stride = w.strides[i] ?? 1;
    const rest = span(w, i) - stride - (w.before[i] ?? 0) - (w.after[i] ?? 0) + (extra[i] ?? 0);
    if (typeof d === 'number') return d * stride + rest;
    return rest === 0 ? product([d, stride]) : sum([product([d, stride]), rest]);
  });
}

/** Pads as numbers. @throws through `fail` when they depend on sizes that are not known */
export function knownPads(w: Windows, fail: (problem: string) => never): { before: number[]; after: number[] } {
  const known = (list: readonly (number | undefined)[]) =>
    list.map((p) => p ?? fail('its padding depends on a size that is known only when the graph runs'));
  return { before: known(w.before), after: known(w.after) };
}
