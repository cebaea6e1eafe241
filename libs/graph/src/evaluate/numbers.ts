import { dtypeFromOnnx } from '../onnx-types.js';
import { intAttr } from '../ops/rule.js';
import { isBig, isFloat } from '../tensor.js';
import type { Attrs, DType, TensorData } from '../types.js';
import { elementwise, made, positions, scalars, strides, type Scalar } from './elements.js';

/** What a node gives for constants; undefined leaves it to the runtime. */
export type Evaluate = (inputs: readonly TensorData[], attrs: Attrs) => TensorData | undefined;

type Two = (a: Scalar, b: Scalar) => Scalar;

/** Arithmetic on one element type; integers divide towards zero. */
const arithmetic =
  (float: (a: number, b: number) => number, big: (a: bigint, b: bigint) => bigint): Evaluate =>
  (inputs) => {
    const [a, b] = inputs;
    if (!a || !b || inputs.length !== 2 || a.dtype === 'bool') return undefined;
    if (!isFloat(a.dtype) && scalars(b)?.some((v) => Number(v) === 0) && float(1, 0) === Infinity) return undefined;
    const f: Two = (x, y) =>
      typeof x === 'bigint' && typeof y === 'bigint'
        ? big(x, y)
        : isFloat(a.dtype)
          ? float(Number(x), Number(y))
          : Math.trunc(float(Number(x), Number(y)));
    return elementwise(inputs, f, a.dtype);
  };

const folded =
  (better: (a: Scalar, b: Scalar) => boolean): Evaluate =>
  (inputs) => {
    const [first] = inputs;
    return first && elementwise(inputs, (...v) => v.reduce((a, b) => (better(b, a) ? b : a)), first.dtype);
  };

const compared =
  (f: (a: Scalar, b: Scalar) => boolean): Evaluate =>
  (inputs) =>
    inputs.some((t) => t.dtype === 'string') ? undefined : elementwise(inputs, (a, b) => f(a ?? 0, b ?? 0), 'bool');

const logical =
  (f: (a: boolean, b: boolean) => boolean): Evaluate =>
  (inputs) =>
    elementwise(inputs, (a, b) => f(Boolean(a), Boolean(b)), 'bool');

/** Functions of one floating number that round correctly, so the runtime's result is the same. */
const exact =
  (f: (x: number) => number): Evaluate =>
  ([x]) =>
    x && isFloat(x.dtype) ? elementwise([x], (v) => f(Number(v)), x.dtype) : undefined;

const roundEven = (x: number): number => {
  const r = Math.round(x);
  return Math.abs(x - Math.trunc(x)) === 0.5 && r % 2 !== 0 ? r - 1 : r;
};

const reduce =
  (start: (values: readonly Scalar[]) => Scalar, f: (a: Scalar, b: Scalar) => Scalar): Evaluate =>
  ([x, given], attrs) => {
    const values = x && scalars(x);
    if (!x || !values || isFloat(x.dtype)) return undefined;
    const rank = x.dims.length;
    const axes = given ? (scalars(given) ?? []).map((a) => (Number(a) + rank) % rank) : [];
    if (axes.length === 0 && intAttr(attrs, 'noop_with_empty_axes', 0) === 1) return x;
    const all = axes.length === 0 ? x.dims.map((_, i) => i) : axes;
    const kept = x.dims.map((d, i) => (all.includes(i) ? 1 : d));
    const steps = strides(kept);
    const groups: Scalar[][] = Array.from({ length: kept.reduce((n, d) => n * d, 1) }, () => []);
    let k = 0;
    for (const at of positions(x.dims)) {
      const to = at.reduce((n, i, axis) => n + (all.includes(axis) ? 0 : i * (steps[axis] ?? 1)), 0);
      groups[to]?.push(values[k++] ?? 0);
    }
    const dims = intAttr(attrs, 'keepdims', 1) === 1 ? kept : x.dims.filter((_, i) => !all.includes(i));
    if (groups.some((g) => g.length === 0)) return undefined;
    return made(
      x.dtype,
      dims,
      groups.map((g) => g.reduce(f, start(g))),
    );
  };

const cast = (x: TensorData, to: DType): TensorData | undefined => {
  if (x.dtype === to) return x;
  const values = scalars(x);
  if (!values || to === 'string' || to === 'bfloat16') return undefined;
  // out of range, and of what is no number, each runtime makes what it likes
  if (!isFloat(to) && to !== 'bool' && values.some((v) => !Number.isFinite(Number(v)) || Math.abs(Number(v)) > 2 ** 62))
    return isBig(x.dtype) && isBig(to) ? made(to, x.dims, values) : undefined;
  if (to === 'bool')
    return made(
      to,
      x.dims,
      values.map((v) => (Number(v) === 0 ? 0 : 1)),
    );
  return made(to, x.dims, isFloat(to) || isBig(to) ? values : values.map((v) => Math.trunc(Number(v))));
};

const big =
  (f: (a: bigint, b: bigint) => bigint): Two =>
  (a, b) => {
    if (typeof a === 'bigint' && typeof b === 'bigint') return f(a, b);
    return Number(f(BigInt(Number(a)), BigInt(Number(b))));
  };

export const NUMBERS: Readonly<Record<string, Evaluate>> = {
  Add: arithmetic(
    (a, b) => a + b,
    (a, b) => a + b,
  ),
  Sub: arithmetic(
    (a, b) => a - b,
    (a, b) => a - b,
  ),
  Mul: arithmetic(
    (a, b) => a * b,
    (a, b) => a * b,
  ),
  Div: arithmetic(
    (a, b) => a / b,
    (a, b) => a / b,
  ),
  Mod: (inputs, attrs) => {
    const [a] = inputs;
    if (!a || isFloat(a.dtype) || inputs[1] === undefined) return undefined;
    if (scalars(inputs[1])?.some((v) => Number(v) === 0)) return undefined;
    const sign = intAttr(attrs, 'fmod', 0) === 1;
    return elementwise(
      inputs,
      big((x, y) => (sign ? x % y : ((x % y) + y) % y)) as (...v: Scalar[]) => Scalar,
      a.dtype,
    );
  },
  Max: folded((a, b) => a > b),
  Min: folded((a, b) => a < b),
  Equal: compared((a, b) => a === b),
  Less: compared((a, b) => a < b),
  LessOrEqual: compared((a, b) => a <= b),
  Greater: compared((a, b) => a > b),
  GreaterOrEqual: compared((a, b) => a >= b),
  And: logical((a, b) => a && b),
  Or: logical((a, b) => a || b),
  Xor: logical((a, b) => a !== b),
  Not: ([x]) => x && elementwise([x], (v) => !v, 'bool'),
  Neg: ([x]) => x && elementwise([x], (v) => -v, x.dtype),
  Abs: ([x]) => x && elementwise([x], (v) => (v < 0 ? -v : v), x.dtype),
  Sign: ([x]) => x && elementwise([x], (v) => (v > 0 ? 1 : v < 0 ? -1 : 0), x.dtype),
  Sqrt: exact(Math.sqrt),
  Reciprocal: exact((v) => 1 / v),
  Floor: exact(Math.floor),
  Ceil: exact(Math.ceil),
  Round: exact(roundEven),
  IsNaN: ([x]) => x && elementwise([x], (v) => Number.isNaN(v), 'bool'),
  Cast: ([x], attrs) => {
    const to = dtypeFromOnnx(intAttr(attrs, 'to', 0));
    return x && to ? cast(x, to) : undefined;
  },
  CastLike: ([x, like]) => (x && like ? cast(x, like.dtype) : undefined),
  ReduceProd: reduce(
    (g) => (typeof g[0] === 'bigint' ? 1n : 1),
    big((a, b) => a * b),
  ),
  ReduceSum: reduce(
    (g) => (typeof g[0] === 'bigint' ? 0n : 0),
    big((a, b) => a + b),
  ),
  ReduceMax: reduce(
    (g) => g[0] ?? 0,
    (a, b) => (b > a ? b : a),
  ),
  ReduceMin: reduce(
    (g) => g[0] ?? 0,
    (a, b) => (b < a ? b : a),
  ),
  Range: ([from, limit, delta]) => {
    const [a] = from ? (scalars(from) ?? []) : [];
    const [b] = limit ? (scalars(limit) ?? []) : [];
    const [d] = delta ? (scalars(delta) ?? []) : [];
    if (!from || a === undefined || b === undefined || d === undefined || Number(d) === 0 || isFloat(from.dtype))
      return undefined;
    const n = Math.max(0, Math.ceil((Number(b) - Number(a)) / Number(d)));
    return made(
      from.dtype,
      [n],
      Array.from({ length: n }, (_, i) => Number(a) + i * Number(d)),
    );
  },
};
