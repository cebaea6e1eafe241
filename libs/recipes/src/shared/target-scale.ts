import { StrataError } from '@strata/kernel';

/** Mean and standard deviation of a target. @throws StrataError `empty_data` when it never varies */
export function scaleOf(values: Float64Array, target: string): { readonly mean: number; readonly scale: number } {
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  const scale = Math.sqrt(values.reduce((a, b) => a + (b - mean) ** 2, 0) / values.length);
  if (scale === 0)
    throw new StrataError('empty_data', `the target "${target}" is ${mean} in every row: there is nothing to learn.`, {
      where: { column: target },
    });
  return { mean, scale };
}
