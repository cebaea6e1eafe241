import { isStatic } from '../dims.js';
import type { Dim } from '../types.js';
import { scatterPicked } from './positions.js';
import { axisOf, type InferContext, type OpRule, type VjpContext } from './rule.js';
import { real, sample } from './samples.js';
import type { Value } from './signatures.js';

interface Cut {
  readonly axis: number;
  readonly start: number;
  readonly end: number;
  readonly step: number;
}

/** Slices as far as starts, ends and steps are numbers; undefined when any is not. */
function cuts(ctx: Pick<InferContext, 'inputs' | 'fail'>, rank: number): readonly Cut[] | undefined {
  const [, starts, ends, axes, steps] = ctx.inputs;
  const numbers = (v: Value | undefined) =>
    v?.known?.every((d) => typeof d === 'number') ? v.known.map(Number) : undefined;
  const [s, e] = [numbers(starts), numbers(ends)];
  if (!s || !e || (axes && !numbers(axes)) || (steps && !numbers(steps))) return undefined;
  return s.map((start, i) => ({
    axis: axisOf(numbers(axes)?.[i] ?? i, rank, (p) => ctx.fail(p)),
    start,
    end: e[i] ?? start,
    step: numbers(steps)?.[i] ?? 1,
  }));
}

/** First index, and one past the last, inside an axis of n elements (forward steps). */
function inside({ start, end }: Cut, n: number): { from: number; to: number } {
  const clamp = (i: number) => Math.max(0, Math.min(n, i < 0 ? i + n : i));
  return { from: clamp(start), to: Math.max(clamp(start), clamp(end)) };
}

function cutSize(cut: Cut, d: Dim): Dim {
  if (typeof d !== 'number') return cut.start === 0 && cut.step === 1 && cut.end >= 2 ** 31 - 1 ? d : '?';
  if (cut.step > 0) {
    const { from, to } = inside(cut, d);
    return Math.ceil((to - from) / cut.step);
  }
  // backward steps: the start may be the last element, the end may lie before the first
  const from = Math.min(d - 1, cut.start < 0 ? cut.start + d : cut.start);
  const to = Math.max(-1, cut.end < 0 ? cut.end + d : cut.end);
  return Math.max(0, Math.ceil((to - from) / cut.step));
}

/** Adjoint by padding: for forward steps of one over known sizes. */
function padded(c: VjpContext, list: readonly Cut[]): Value | undefined {
  const { shape } = c.input(0);
  if (!isStatic(shape) || list.some((k) => k.step !== 1)) return undefined;
  const before = shape.map(() => 0);
  const after = shape.map(() => 0);
  for (const cut of list) {
    const n = shape[cut.axis] ?? 0;
    const { from, to } = inside(cut, n);
    before[cut.axis] = from;
    after[cut.axis] = n - to;
  }
  return c.op.Pad(c.grad, [...before, ...after]);
}

/** The same slice of another tensor. */
const again = (c: VjpContext, x: Value): Value => c.node('Slice', [x, ...c.inputs.slice(1)])[0] ?? x;

export const Slice: OpRule<'Slice'> = {
  since: 10,
  arity: [3, 5],
  differentiable: [0],
  infer: (ctx) => {
    const { dtype, shape, known } = ctx.input(0);
    const list = cuts(ctx, shape.length);
    if (!list) {
      const axes = ctx.inputs[3]?.known?.map((a) => axisOf(Number(a), shape.length, (p) => ctx.fail(p)));
      const count = Number(ctx.input(1).shape[0]);
      const touched = (i: number) => (ctx.inputs[3] ? (axes?.includes(i) ?? true) : Number.isNaN(count) || i < count);
      return [{ dtype, shape: shape.map((d, i) => (touched(i) ? '?' : d)) }];
    }
    const out = [...shape];
    for (const cut of list) {
      if (cut.step === 0) ctx.fail('a step is 0');
      out[cut.axis] = cutSize(cut, shape[cut.axis] ?? 0);
    }
    const [only] = list;
    const part = known && shape.length === 1 && only?.step === 1 ? inside(only, known.length) : undefined;
    return [{ dtype, shape: out, known: part && known?.slice(part.from, part.to) }];
  },
  emit: (b, x, starts, ends, axes, steps) => {
    const list = (v: readonly number[] | Value) => ('dtype' in v ? v : b.ints(v));
    const [y] = b.node('Slice', [x, list(starts), list(ends), axes && b.ints(axes), steps && b.ints(steps)]);
    return y ?? x;
  },
  vjp: (c) => {
    const list = cuts(c, c.input(0).shape.length);
    return [(list && padded(c, list)) ?? scatterPicked(c, (numbers) => again(c, numbers))];
  },
  samples: [
    sample('one axis', { x: real([4, 3]) }, (op, { x }) => op.Slice(x, [1], [3], [0])),
    sample('negative ends', { x: real([4, 3]) }, (op, { x }) => op.Slice(x, [-3, 0], [-1, 2])),
    sample('steps', { x: real([5, 3]) }, (op, { x }) => op.Slice(x, [4, 0], [-10, 3], [0, 1], [-2, 2])),
    sample('to the end', { x: real([4]) }, (op, { x }) => op.Slice(x, [0], [2 ** 31 - 1])),
  ],
};
