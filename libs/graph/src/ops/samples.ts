import type { OpFunctions, Value } from './signatures.js';
import type { OpSample, SampleInput } from './rule.js';

const size = (shape: readonly number[]): number => shape.reduce((n, d) => n * d, 1);

/**
 * Values spread over [min, max] by the golden ratio: fixed, distinct, without a pattern that hides an error of indices.
 * @param gap keeps this distance from `kinks`, where a derivative jumps
 */
export function real(
  shape: readonly number[],
  range: { min?: number; max?: number; kinks?: readonly number[]; phase?: number } = {},
): SampleInput {
  const { min = -1.5, max = 1.5, kinks = [], phase = shape.length * 0.37 } = range;
  const values = Array.from({ length: size(shape) }, (_, i) => {
    const u = (phase + (i + 1) * 0.6180339887498949) % 1;
    let v = min + (max - min) * u;
    for (const k of kinks) if (Math.abs(v - k) < 0.05) v = k + (v < k ? -0.05 : 0.05);
    return v;
  });
  return { dtype: 'float64', shape, values };
}

export const ints = (shape: readonly number[], values: readonly number[]): SampleInput => ({
  dtype: 'int64',
  shape,
  values,
});
export const bools = (shape: readonly number[], values: readonly number[]): SampleInput => ({
  dtype: 'bool',
  shape,
  values,
});

interface SampleOptions<V> {
  readonly static?: boolean;
  readonly reference?: (op: OpFunctions, inputs: V) => Value;
}

/** Typed sample: `build` gets the inputs under the names that they were given. */
export function sample<I extends Readonly<Record<string, SampleInput>>>(
  name: string,
  inputs: I,
  build: (op: OpFunctions, inputs: { readonly [K in keyof I]: Value }) => Value | readonly Value[],
  options: SampleOptions<{ readonly [K in keyof I]: Value }> = {},
): OpSample {
  type V = { readonly [K in keyof I]: Value };
  const { reference } = options;
  return {
    name,
    inputs,
    build: (op, values) => build(op, values as V),
    ...(reference ? { reference: (op, values) => reference(op, values as V) } : {}),
    static: options.static ?? false,
  };
}

/** A float64 constant of rank 0. */
export const constant = (op: OpFunctions, value: number): Value =>
  op.Constant({ dtype: 'float64', dims: [], data: Float64Array.of(value) });

/** erf by its Maclaurin series 2/√π Σ (-1)ⁿ x²ⁿ⁺¹ / (n! (2n+1)) in Horner's form: exact to 1e-15 for |x| < 2. */
export function erfSeries(op: OpFunctions, x: Value): Value {
  const terms = 36;
  const square = op.Mul(x, x);
  let factorial = 1;
  const coefficients = Array.from({ length: terms }, (_, n) => {
    if (n > 0) factorial *= n;
    return ((n % 2 === 0 ? 1 : -1) * 2) / (Math.sqrt(Math.PI) * factorial * (2 * n + 1));
  });
  let sum = constant(op, 0);
  for (const c of coefficients.reverse()) sum = op.Add(op.Mul(sum, square), constant(op, c));
  return op.Mul(sum, x);
}

/** Σ aₙ x²ⁿ⁺¹ in Horner's form. */
function oddSeries(op: OpFunctions, x: Value, terms: number, coefficient: (n: number) => number): Value {
  const square = op.Mul(x, x);
  let sum = constant(op, 0);
  for (let n = terms - 1; n >= 0; n--) sum = op.Add(op.Mul(sum, square), constant(op, coefficient(n)));
  return op.Mul(sum, x);
}

/** asin by Σ (2n)! / (4ⁿ n!² (2n+1)) x²ⁿ⁺¹: exact to 1e-15 for |x| < 0.7. */
export function asinSeries(op: OpFunctions, x: Value): Value {
  let binomial = 1;
  const coefficients = Array.from({ length: 60 }, (_, n) => {
    if (n > 0) binomial *= (2 * n - 1) / (2 * n);
    return binomial / (2 * n + 1);
  });
  return oddSeries(op, x, 60, (n) => coefficients[n] ?? 0);
}

/** atan by Σ (-1)ⁿ / (2n+1) x²ⁿ⁺¹: exact to 1e-15 for |x| < 0.7. */
export const atanSeries = (op: OpFunctions, x: Value): Value =>
  oddSeries(op, x, 60, (n) => (n % 2 === 0 ? 1 : -1) / (2 * n + 1));
