import type { Cell } from '@strata/data';
import { StrataError } from '@strata/kernel';

/** Class names of a target column and, for each row, its class; -1 for a name that is not among them. */
export interface Classes {
  readonly names: readonly string[];
  indexOf(cell: Cell): number;
}

/** More classes than this are no classes: an output layer of that size learns nothing from a file. */
const MOST = 1000;

/** Numbers in their order, other names by code unit: the same on every machine. */
function inOrder(names: readonly string[]): string[] {
  const numeric = names.every((n) => n !== '' && Number.isFinite(Number(n)));
  return [...names].sort((a, b) => (numeric && Number(a) !== Number(b) ? Number(a) - Number(b) : a < b ? -1 : 1));
}

/**
 * The classes of a target column.
 * @throws StrataError `invalid_input` when there are fewer than two, or so many that the column is no class
 */
export function classesOf(cells: readonly Cell[], rows: Int32Array, target: string, regressor?: string): Classes {
  const seen = new Set<string>();
  for (const r of rows) seen.add(cells[r] ?? '');
  const where = { field: 'params.target', column: target };
  if (seen.size < 2)
    throw new StrataError(
      'invalid_input',
      `the target "${target}" has only one class: there is nothing to tell apart.`,
      {
        where,
      },
    );
  if (seen.size > MOST || seen.size > Math.max(2, rows.length / 2))
    throw new StrataError(
      'invalid_input',
      `the target "${target}" has ${seen.size} different values in ${rows.length} rows: too many for classes.${regressor ? ` For a quantity use ${regressor}.` : ''}`,
      { where },
    );
  const names = inOrder([...seen]);
  const index = new Map(names.map((n, i) => [n, i]));
  return { names, indexOf: (cell) => index.get(cell ?? '') ?? -1 };
}

/** n / (C · n_c) for each class, as scikit-learn's `class_weight='balanced'`. */
export function balancedWeights(labels: ArrayLike<number>, classes: number): number[] {
  const counts = new Array<number>(classes).fill(0);
  for (let i = 0; i < labels.length; i++) {
    const c = labels[i] as number;
    counts[c] = (counts[c] ?? 0) + 1;
  }
  return counts.map((c) => (c === 0 ? 0 : labels.length / (classes * c)));
}
