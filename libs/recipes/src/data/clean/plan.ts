import type { ColumnType, DatasetFormat } from '@strata/contracts';
import { columnIndex, parseNumber, type Cell } from '@strata/data';
import { StrataError } from '@strata/kernel';
import type { Bounds } from './survey.js';

export interface CleanParams {
  readonly target: string;
  readonly missing: 'keep' | 'drop' | 'mean' | 'median' | 'most_frequent' | 'constant';
  readonly fill_value: string;
  readonly outliers: 'none' | 'iqr' | 'zscore';
  readonly outlier_action: 'clip' | 'drop';
  readonly iqr_factor: number;
  readonly z_threshold: number;
  readonly drop_duplicates: boolean;
  readonly subset: readonly string[];
  readonly strip_full_stops: boolean;
  readonly types: Readonly<Record<string, ColumnType>>;
  readonly drop_columns: readonly string[];
}

/** What is counted in a column: `missing` and `outliers` as found, the others in rows that stay. */
export interface Counts {
  missing: number;
  filled: number;
  outliers: number;
  full_stops_removed: number;
  invalid_numbers: number;
  trimmed: number;
}

/** A column that is kept, what will be done to it, and what was. */
export interface Plan {
  readonly index: number;
  readonly name: string;
  readonly type: ColumnType;
  readonly target: boolean;
  stops: ReadonlyMap<string, string>;
  bounds: Bounds | undefined;
  fill: string | undefined;
  readonly done: Counts;
}

/**
 * The columns to keep.
 * @throws StrataError `unknown_column` when a parameter names one that is not there, `invalid_parameter` when none is left
 */
export function plan(
  format: DatasetFormat,
  params: CleanParams,
): { plans: Plan[]; left_out: { name: string; reason: string }[] } {
  const check = (names: readonly string[], field: string): void => {
    for (const n of names) columnIndex(format, n, `params.${field}`);
  };
  check(params.target === '' ? [] : [params.target], 'target');
  check(params.subset, 'subset');
  check(params.drop_columns, 'drop_columns');
  check(Object.keys(params.types), 'types');
  const plans: Plan[] = [];
  const left_out: { name: string; reason: string }[] = [];
  for (const [index, column] of format.columns.entries()) {
    const { name } = column;
    const type = params.types[name] ?? column.type;
    if (params.drop_columns.includes(name)) left_out.push({ name, reason: 'drop_columns' });
    else if (type === 'empty') left_out.push({ name, reason: 'empty' });
    else
      plans.push({
        index,
        name,
        type,
        target: name === params.target,
        stops: new Map(),
        bounds: undefined,
        fill: undefined,
        done: { missing: 0, filled: 0, outliers: 0, full_stops_removed: 0, invalid_numbers: 0, trimmed: 0 },
      });
  }
  if (plans.length === 0)
    throw new StrataError('invalid_parameter', 'no column would be left: all are empty or in drop_columns.', {
      where: { field: 'params.drop_columns' },
    });
  return { plans, left_out };
}

export const isClass = (type: ColumnType): boolean => type === 'category' || type === 'boolean';

/** Trims, removes full stops, and makes cells of a number column that are no numbers missing; tells `note` what it did. */
export function fix(cell: Cell, p: Plan, note?: (p: Plan, what: keyof Counts) => void): Cell {
  if (cell === null) return null;
  const trimmed = cell.trim();
  if (trimmed !== cell) note?.(p, 'trimmed');
  if (trimmed === '') return null;
  if (p.type === 'number' && Number.isNaN(parseNumber(trimmed))) {
    note?.(p, 'invalid_numbers');
    return null;
  }
  const stripped = p.stops.get(trimmed);
  if (stripped === undefined) return trimmed;
  note?.(p, 'full_stops_removed');
  return stripped;
}
