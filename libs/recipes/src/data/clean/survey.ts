import type { Cell } from '@strata/data';

/** What is known of a number column after the survey: enough for any filling and any bound. */
export interface NumberFacts {
  readonly values: Float64Array;
  readonly mean: number;
  readonly std: number;
}

/** `values` is sorted in place. */
export function numberFacts(values: Float64Array): NumberFacts {
  values.sort();
  let sum = 0;
  for (const v of values) sum += v;
  const mean = sum / values.length;
  let squares = 0;
  for (const v of values) squares += (v - mean) ** 2;
  return { values, mean, std: Math.sqrt(squares / values.length) };
}

/** Quantile of sorted values by linear interpolation between closest ranks (numpy's default, method 7 of Hyndman & Fan 1996). */
export function quantile(sorted: Float64Array, q: number): number {
  const at = (sorted.length - 1) * q;
  const low = Math.floor(at);
  const a = sorted[low] ?? NaN;
  const b = sorted[Math.min(low + 1, sorted.length - 1)] ?? NaN;
  return a + (b - a) * (at - low);
}

export interface Bounds {
  readonly lower: number;
  readonly upper: number;
}

/**
 * Allowed range: [Q1 − k·IQR, Q3 + k·IQR] (Tukey 1977), or mean ± k standard deviations. Undefined when the values do not spread: every value
 * that differs would be an outlier.
 */
export function outlierBounds(facts: NumberFacts, method: 'iqr' | 'zscore', k: number): Bounds | undefined {
  if (facts.values.length === 0) return undefined;
  if (method === 'zscore')
    return facts.std > 0 ? { lower: facts.mean - k * facts.std, upper: facts.mean + k * facts.std } : undefined;
  const q1 = quantile(facts.values, 0.25);
  const q3 = quantile(facts.values, 0.75);
  return q3 > q1 ? { lower: q1 - k * (q3 - q1), upper: q3 + k * (q3 - q1) } : undefined;
}

/** The most frequent value; of equally frequent ones the first in code-point order, so that the result does not depend on the rows' order. */
export function mostFrequent<T extends string | number>(counts: ReadonlyMap<T, number>): T | undefined {
  let best: T | undefined;
  let most = 0;
  for (const [value, n] of counts)
    if (n > most || (n === most && best !== undefined && value < best)) {
      best = value;
      most = n;
    }
  return best;
}

/** More distinct values than this are not class names, and their full stops may be part of them. */
const CLASS_NAMES_MOST = 1000;

/**
 * Class names that lose a full stop at the end. `>50K.` becomes `>50K` when `>50K` is a value of the column too, or when every value of the column ends in a full
 * stop (a file whose lines were written as sentences). Abbreviations with an inner full stop (`U.S.`), ellipses and a lone `.` stay as they are.
 */
export function fullStopRule(counts: ReadonlyMap<string, number>): ReadonlyMap<string, string> {
  const strippable = (v: string): boolean => v.length > 1 && v.endsWith('.') && !v.slice(0, -1).includes('.');
  const values = [...counts.keys()];
  const rule = new Map<string, string>();
  if (values.length > CLASS_NAMES_MOST) return rule;
  const all = values.length > 1 && values.every(strippable);
  for (const value of values) {
    const stripped = value.slice(0, -1).trimEnd();
    if (strippable(value) && (all || counts.has(stripped))) rule.set(value, stripped);
  }
  return rule;
}

/** Cells as one key: equal keys, equal rows. A missing cell differs from every text. */
export const rowKey = (row: readonly Cell[], columns: readonly number[]): string =>
  columns.map((c) => (row[c] === null || row[c] === undefined ? '\u0000' : `\u0001${row[c]}`)).join('\u0002');
