import { broadcast, isStatic } from '../dims.js';
import { constantOf } from '../ops/constant.js';
import { intAttr, intsAttr } from '../ops/rule.js';
import { elements, tensorOf } from '../tensor.js';
import type { TensorData } from '../types.js';
import { elementwise, made, picked, positions, scalars, strides } from './elements.js';
import type { Evaluate } from './numbers.js';

const ints = (t: TensorData | undefined): number[] | undefined => t && scalars(t)?.map(Number);
const axisIn = (axis: number, rank: number): number => (axis < 0 ? axis + rank : axis);

/** Another shape over the same elements. */
const view = (t: TensorData, dims: readonly number[]): TensorData | undefined =>
  elements(dims) === t.data.length ? { ...t, dims } : undefined;

/** Elements of `t` for a result of these sizes, read where `from` says. */
const moved = (
  t: TensorData,
  dims: readonly number[],
  from: (at: readonly number[]) => readonly number[],
): TensorData => {
  const steps = strides(t.dims);
  const places = Array.from(positions(dims), (at) => from(at).reduce((n, i, axis) => n + i * (steps[axis] ?? 1), 0));
  return picked(t, dims, places);
};

/** Operators that move elements and change none: of any type. */
export const MOVES: Readonly<Record<string, Evaluate>> = {
  Constant: (_, attrs) => constantOf(attrs),
  Identity: ([x]) => x,
  Shape: ([x], attrs) => {
    if (!x) return undefined;
    const end = attrs['end'] ? intAttr(attrs, 'end', 0) : x.dims.length;
    const part = x.dims.slice(intAttr(attrs, 'start', 0), end);
    return tensorOf('int64', [part.length], part);
  },
  Size: ([x]) => x && tensorOf('int64', [], [x.data.length]),
  ConstantOfShape: ([shape], attrs) => {
    const dims = ints(shape);
    const value = attrs['value'];
    const fill = value?.type === 'tensor' ? value.value : tensorOf('float32', [1], [0]);
    return dims && picked(fill, dims, new Uint32Array(elements(dims)));
  },
  Reshape: ([x, shape], attrs) => {
    const given = ints(shape);
    if (!x || !given) return undefined;
    const dims = given.map((d, i) => (d === 0 && intAttr(attrs, 'allowzero', 0) === 0 ? (x.dims[i] ?? 0) : d));
    const open = dims.indexOf(-1);
    if (open >= 0) dims[open] = x.data.length / dims.reduce((n, d) => (d === -1 ? n : n * d), 1);
    return view(x, dims);
  },
  Flatten: ([x], attrs) => {
    if (!x) return undefined;
    const axis = axisIn(intAttr(attrs, 'axis', 1), x.dims.length);
    return view(x, [elements(x.dims.slice(0, axis)), elements(x.dims.slice(axis))]);
  },
  Unsqueeze: ([x, given]) => {
    const list = ints(given);
    if (!x || !list) return undefined;
    const rank = x.dims.length + list.length;
    const axes = list.map((a) => axisIn(a, rank));
    const rest = [...x.dims];
    return view(
      x,
      Array.from({ length: rank }, (_, i) => (axes.includes(i) ? 1 : (rest.shift() ?? 1))),
    );
  },
  Squeeze: ([x, given]) => {
    if (!x) return undefined;
    const axes = ints(given)?.map((a) => axisIn(a, x.dims.length));
    return view(
      x,
      x.dims.filter((d, i) => (axes ? !axes.includes(i) : d !== 1)),
    );
  },
  Transpose: ([x], attrs) => {
    if (!x) return undefined;
    const perm = intsAttr(attrs, 'perm') ?? x.dims.map((_, i) => x.dims.length - 1 - i);
    return moved(
      x,
      perm.map((p) => x.dims[p] ?? 1),
      (at) => x.dims.map((_, i) => at[perm.indexOf(i)] ?? 0),
    );
  },
  Expand: ([x, shape]) => {
    const to = ints(shape);
    const dims = x && to && broadcast(x.dims, to);
    if (!x || !dims || !isStatic(dims)) return undefined;
    return moved(x, dims, (at) => x.dims.map((d, i) => (d === 1 ? 0 : (at[i + dims.length - x.dims.length] ?? 0))));
  },
  Tile: ([x, repeats]) => {
    const r = ints(repeats);
    if (!x || !r) return undefined;
    return moved(
      x,
      x.dims.map((d, i) => d * (r[i] ?? 1)),
      (at) => at.map((k, i) => k % (x.dims[i] ?? 1)),
    );
  },
  Concat: (inputs, attrs) => {
    const [first] = inputs;
    if (!first) return undefined;
    const axis = axisIn(intAttr(attrs, 'axis', 0), first.dims.length);
    const dims = first.dims.map((d, i) => (i === axis ? inputs.reduce((n, t) => n + (t.dims[i] ?? 0), 0) : d));
    const inner = elements(dims.slice(axis + 1));
    const outer = elements(dims.slice(0, axis));
    // all elements in one row, input by input; then each result's place in it
    const starts: number[] = [];
    let n = 0;
    for (const t of inputs) {
      starts.push(n);
      n += t.data.length;
    }
    const from: number[] = [];
    for (let o = 0; o < outer; o++)
      inputs.forEach((t, k) => {
        const row = (t.dims[axis] ?? 0) * inner;
        for (let i = 0; i < row; i++) from.push((starts[k] ?? 0) + o * row + i);
      });
    const lists = inputs.map((t) => Array.from(t.data as ArrayLike<number | bigint | string>));
    const joined = lists.flat();
    if (first.dtype === 'float16' || first.dtype === 'bfloat16')
      return { dtype: first.dtype, dims, data: Uint16Array.from(from, (i) => Number(joined[i])) };
    return tensorOf(
      first.dtype,
      dims,
      from.map((i) => joined[i] ?? 0),
    );
  },
  Gather: ([x, indices], attrs) => {
    const list = ints(indices);
    if (!x || !indices || !list) return undefined;
    const axis = axisIn(intAttr(attrs, 'axis', 0), x.dims.length);
    const size = x.dims[axis] ?? 0;
    if (list.some((i) => i < -size || i >= size)) return undefined;
    const dims = [...x.dims.slice(0, axis), ...indices.dims, ...x.dims.slice(axis + 1)];
    const steps = strides(indices.dims);
    return moved(x, dims, (at) => {
      const which = indices.dims.reduce((n, _, i) => n + (at[axis + i] ?? 0) * (steps[i] ?? 1), 0);
      return [...at.slice(0, axis), axisIn(list[which] ?? 0, size), ...at.slice(axis + indices.dims.length)];
    });
  },
  Slice: ([x, starts, ends, axes, steps]) => {
    const [s, e] = [ints(starts), ints(ends)];
    if (!x || !s || !e) return undefined;
    const rank = x.dims.length;
    const dims = [...x.dims];
    const first = x.dims.map(() => 0);
    const step = x.dims.map(() => 1);
    s.forEach((start, i) => {
      const axis = axisIn(ints(axes)?.[i] ?? i, rank);
      const by = ints(steps)?.[i] ?? 1;
      const n = x.dims[axis] ?? 0;
      const clamp = (v: number, low: number, high: number) => Math.max(low, Math.min(high, v < 0 ? v + n : v));
      const [from, to] =
        by > 0 ? [clamp(start, 0, n), clamp(e[i] ?? n, 0, n)] : [clamp(start, 0, n - 1), clamp(e[i] ?? -1, -1, n - 1)];
      first[axis] = from;
      step[axis] = by;
      dims[axis] = Math.max(0, Math.ceil((to - from) / by));
    });
    return moved(x, dims, (at) => at.map((k, i) => (first[i] ?? 0) + k * (step[i] ?? 1)));
  },
  Where: ([condition, a, b]) =>
    condition && a && b ? elementwise([condition, a, b], (c, x, y) => (c ? (x ?? 0) : (y ?? 0)), a.dtype) : undefined,
  Trilu: ([x, diagonal], attrs) => {
    const values = x && scalars(x);
    if (!x || !values || x.dims.length < 2) return undefined;
    const k = ints(diagonal)?.[0] ?? 0;
    const upper = intAttr(attrs, 'upper', 1) === 1;
    const kept = Array.from(positions(x.dims), (at, i) => {
      const distance = (at.at(-1) ?? 0) - (at.at(-2) ?? 0);
      return (upper ? distance >= k : distance <= k) ? (values[i] ?? 0) : 0;
    });
    return made(x.dtype, x.dims, kept);
  },
};
