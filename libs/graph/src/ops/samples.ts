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

/** Typed sample: `build` gets the inputs under the names that they were given. */
export function sample<I extends Readonly<Record<string, SampleInput>>>(
  name: string,
  inputs: I,
  build: (op: OpFunctions, inputs: { readonly [K in keyof I]: Value }) => Value | readonly Value[],
  options: { static?: boolean } = {},
): OpSample {
  return {
    name,
    inputs,
    build: (op, values) => build(op, values as { [K in keyof I]: Value }),
    static: options.static ?? false,
  };
}
