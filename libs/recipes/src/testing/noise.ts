import { tensorOf, type TensorData } from '@strata/graph';

/** Fixed numbers in [-1, 1]. */
export const noise = (i: number): number => Math.sin(12.9898 * (i + 1)) * Math.cos(78.233 * (i + 2));

export function noiseTensor(dims: number[], seed: number): TensorData {
  const n = dims.reduce((a, b) => a * b, 1);
  return tensorOf(
    'float32',
    dims,
    Array.from({ length: n }, (_, i) => noise(i + seed)),
  );
}
