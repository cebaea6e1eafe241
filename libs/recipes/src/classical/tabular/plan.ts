import type { ColumnType, DatasetFormat } from '@strata/contracts';
import { columnIndex, numbersOf, textsOf, type Table } from '@strata/data';
import { StrataError, type Logger } from '@strata/kernel';

/** How one column of numbers enters the network. Everything is measured on the training rows only. */
export interface NumericFeature {
  readonly name: string;
  /** Stands in for a missing value: the median. */
  readonly fill: number;
  readonly mean: number;
  readonly scale: number;
  /** Bounds of the bins of the piecewise-linear encoding, rising; empty for none. */
  readonly edges: readonly number[];
  /** True when training rows lacked the value: then its absence is a feature too. */
  readonly missing: boolean;
}

/** How one column of names enters the network: one-hot. */
export interface CategoricalFeature {
  readonly name: string;
  /** Most frequent first. The empty string is the missing value, where training rows had one. */
  readonly categories: readonly string[];
  /** True when rarer categories were put together: they, and names never seen, share the code after the last category. */
  readonly other: boolean;
}

/** The preprocessing of a tabular model, as numbers: it becomes constants of the exported graph. */
export interface TabularPlan {
  readonly numeric: readonly NumericFeature[];
  readonly categorical: readonly CategoricalFeature[];
}

export interface PlanOptions {
  /** Bins of the piecewise-linear encoding; 0 for none. */
  readonly bins: number;
  /** Categories kept for each column. */
  readonly maxCategories: number;
}

/** Codes of a column: category index, `other`, or -1 for a name that was never seen where there is no `other`. */
export const widthOf = (f: CategoricalFeature): number => f.categories.length + (f.other ? 1 : 0);
export const unknownCode = (f: CategoricalFeature): number => (f.other ? f.categories.length : -1);

/**
 * Columns to learn from, and as what to read them. Without a list: all but the target, identifiers, free text and empty columns.
 * @throws StrataError `unknown_column`, `invalid_parameter`, `invalid_input` when no column is left
 */
export function chooseFeatures(
  format: DatasetFormat,
  target: string,
  features: readonly string[] | null,
  log: Logger,
): Record<string, ColumnType> {
  columnIndex(format, target, 'params.target');
  const chosen: Record<string, ColumnType> = {};
  const left: string[] = [];
  for (const name of features ?? format.columns.map((c) => c.name)) {
    const { type } = format.columns[columnIndex(format, name, 'params.features')] ?? { type: 'empty' as const };
    if (name === target) {
      if (features)
        throw new StrataError('invalid_parameter', `the target "${target}" cannot be one of the features`, {
          where: { field: 'params.features', column: name },
        });
    } else if (type === 'number') chosen[name] = 'number';
    else if (type === 'empty' || (!features && (type === 'id' || type === 'text'))) left.push(`${name} (${type})`);
    else chosen[name] = 'category';
  }
  if (left.length > 0) log.info({}, `columns that are not used as features: ${left.join(', ')}`);
  if (Object.keys(chosen).length === 0)
    throw new StrataError(
      'invalid_input',
      `no column is left to predict "${target}" from${left.length ? `: ${left.join(', ')} cannot be used without being named in "features"` : ''}.`,
      { where: { field: 'params.features' } },
    );
  return chosen;
}

/** Quantile `q` of rising numbers, interpolated linearly (NumPy's default). */
function quantile(sorted: ArrayLike<number>, q: number): number {
  const at = q * (sorted.length - 1);
  const low = Math.floor(at);
  const a = sorted[low] as number;
  const b = sorted[Math.min(low + 1, sorted.length - 1)] as number;
  return a + (b - a) * (at - low);
}

/** A bin of fewer training rows would learn them by heart. */
const ROWS_PER_BIN = 20;

function numericFeature(
  name: string,
  column: ArrayLike<number>,
  rows: Int32Array,
  most: number,
): NumericFeature | undefined {
  const values = Float64Array.from(rows, (r) => column[r] as number).filter((v) => !Number.isNaN(v));
  const missing = values.length < rows.length;
  if (values.length === 0) return undefined;
  values.sort();
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  const variance = values.reduce((a, b) => a + (b - mean) ** 2, 0) / values.length;
  if (values[0] === values.at(-1) && !missing) return undefined;
  const edges: number[] = [];
  const bins = Math.min(most, Math.floor(values.length / ROWS_PER_BIN));
  // float32 is what the graph computes in: edges that are the same there would give a bin of no width
  for (let i = 0; i <= bins && bins > 0; i++) {
    const edge = Math.fround(quantile(values, i / bins));
    if (edges.length === 0 || edge > (edges.at(-1) as number)) edges.push(edge);
  }
  return {
    name,
    fill: Math.fround(quantile(values, 0.5)),
    mean,
    scale: Math.sqrt(variance) || 1,
    edges: edges.length > 1 ? edges : [],
    missing,
  };
}

function categoricalFeature(
  name: string,
  column: readonly (string | null)[],
  rows: Int32Array,
  most: number,
): CategoricalFeature | undefined {
  const counts = new Map<string, number>();
  for (const r of rows) {
    const value = column[r] ?? '';
    counts.set(value, (counts.get(value) ?? 0) + 1);
  }
  if (counts.size < 2) return undefined;
  const ranked = [...counts].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1)).map(([value]) => value);
  return { name, categories: ranked.slice(0, most), other: ranked.length > most };
}

/**
 * Measures the preprocessing on the rows given.
 * @throws StrataError `empty_data` when no column varies
 */
export function planFeatures(
  table: Table,
  types: Readonly<Record<string, ColumnType>>,
  rows: Int32Array,
  options: PlanOptions,
  log: Logger,
): TabularPlan {
  const numeric: NumericFeature[] = [];
  const categorical: CategoricalFeature[] = [];
  const constant: string[] = [];
  for (const [name, type] of Object.entries(types)) {
    const feature =
      type === 'number'
        ? numericFeature(name, numbersOf(table, name), rows, options.bins)
        : categoricalFeature(name, textsOf(table, name), rows, options.maxCategories);
    if (!feature) constant.push(name);
    else if ('fill' in feature) numeric.push(feature);
    else categorical.push(feature);
  }
  if (constant.length > 0) log.info({}, `columns that never vary are left out: ${constant.join(', ')}`);
  if (numeric.length + categorical.length === 0)
    throw new StrataError('empty_data', 'no column varies in the training rows: there is nothing to learn from.');
  return { numeric, categorical };
}

/** A table as the training graph takes it, row-major. */
export interface EncodedRows {
  readonly rows: number;
  /** [rows, numeric features], NaN where missing. */
  readonly numeric: Float32Array;
  /** [rows, categorical features] */
  readonly codes: Int32Array;
}

/** @throws StrataError `unknown_column` when the table lacks a feature */
export function encodeRows(plan: TabularPlan, table: Table, rows: Int32Array): EncodedRows {
  const F = plan.numeric.length;
  const C = plan.categorical.length;
  const numeric = new Float32Array(rows.length * F);
  plan.numeric.forEach((f, j) => {
    const column = numbersOf(table, f.name);
    for (let i = 0; i < rows.length; i++) numeric[i * F + j] = column[rows[i] as number] as number;
  });
  const codes = new Int32Array(rows.length * C);
  plan.categorical.forEach((f, j) => {
    const column = textsOf(table, f.name);
    const code = new Map(f.categories.map((name, k) => [name, k]));
    const unknown = unknownCode(f);
    for (let i = 0; i < rows.length; i++) codes[i * C + j] = code.get(column[rows[i] as number] ?? '') ?? unknown;
  });
  return { rows: rows.length, numeric, codes };
}
