import { join } from 'node:path';
import type { JobContext } from '@strata/contracts';
import { columnIndex, csvWriter, type Cell } from '@strata/data';
import { StrataError, type Rng } from '@strata/kernel';
import { countBy, describeWritten, readColumn, rowsOf } from '../../shared/datasets.js';

export interface BalanceParams {
  readonly target: string;
  readonly method: 'oversample' | 'undersample' | 'weights';
  readonly sampling_strategy: number;
}

/** scikit-learn's `class_weight='balanced'`: N / (classes · rows of the class). */
export function balancedWeights(counts: ReadonlyMap<string, number>): Record<string, number> {
  const rows = [...counts.values()].reduce((a, b) => a + b, 0);
  return Object.fromEntries([...counts].map(([label, n]) => [label, rows / (counts.size * n)]));
}

/**
 * How often each row is written. Over-sampling gives every row of a class the same number of copies and draws the remainder without repetition; under-sampling
 * draws the rows that stay. Rows without a class are left out.
 */
export function multiplicities(
  labels: readonly Cell[],
  method: BalanceParams['method'],
  strategy: number,
  rng: Rng,
): Uint32Array {
  const counts = countBy(labels);
  const most = Math.max(...counts.values());
  const least = Math.min(...counts.values());
  const times = new Uint32Array(labels.length);
  const rowsOfClass = new Map<string, number[]>([...counts.keys()].map((label) => [label, []]));
  for (const [i, label] of labels.entries()) if (label !== null) rowsOfClass.get(label)?.push(i);
  for (const rows of rowsOfClass.values()) {
    const n = rows.length;
    const wanted =
      method === 'oversample'
        ? Math.max(n, Math.round(most * strategy))
        : method === 'undersample'
          ? Math.min(n, Math.max(1, Math.round(least / strategy)))
          : n;
    rng.shuffle(rows);
    for (const [k, row] of rows.entries()) times[row] = Math.floor(wanted / n) + (k < wanted % n ? 1 : 0);
  }
  return times;
}

export async function run(ctx: JobContext, params: BalanceParams): Promise<Record<string, unknown>> {
  const data = await ctx.dataset('data');
  const { format } = data;
  const labels = await readColumn(ctx, data, columnIndex(format, params.target, 'params.target'));
  const before = countBy(labels);
  if (before.size < 2)
    throw new StrataError(
      'invalid_input',
      `column "${params.target}" has ${before.size} class(es): nothing to balance.`,
      {
        where: { field: 'params.target', column: params.target },
      },
    );
  if (before.size > format.rows / 2)
    throw new StrataError(
      'invalid_input',
      `column "${params.target}" has ${before.size} different values in ${format.rows} rows: it does not hold classes.`,
      { where: { field: 'params.target', column: params.target } },
    );
  const times = multiplicities(labels, params.method, params.sampling_strategy, ctx.rng.fork('balance'));
  const path = join(ctx.workDir, 'data.csv');
  const writer = csvWriter(
    path,
    format.columns.map((c) => c.name),
  );
  for await (const { rows, start } of rowsOf(ctx, data)) {
    for (const [i, row] of rows.entries()) for (let n = times[start + i] ?? 0; n > 0; n--) await writer.write(row);
    ctx.progress({ step: start + rows.length, total: format.rows });
  }
  await writer.close();
  const after = new Map<string, number>();
  for (const [i, label] of labels.entries())
    if (label !== null) after.set(label, (after.get(label) ?? 0) + (times[i] ?? 0));
  await ctx.output.dataset('data', path, await describeWritten(ctx, path, format));
  await ctx.output.report('report', {
    target: params.target,
    method: params.method,
    rows_in: format.rows,
    rows_out: writer.rows,
    rows_without_class: labels.filter((l) => l === null).length,
    before: Object.fromEntries(before),
    after: Object.fromEntries(after),
    class_weights: balancedWeights(before),
  });
  return { rows_in: format.rows, rows_out: writer.rows, classes: before.size };
}
