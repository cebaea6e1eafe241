import type { ColumnType, JobContext } from '@strata/contracts';
import { loadColumns, numbersOf, textsOf, type Table } from '@strata/data';
import { tensor, type Session, type Tensor } from '@strata/runtime';
import type { TabularPlan } from './plan.js';

/** The columns of an input dataset, read as the training data were. @throws StrataError `unknown_column`, `invalid_data` */
export async function readInput(
  ctx: JobContext,
  input: string,
  types: Readonly<Record<string, ColumnType>>,
): Promise<Table> {
  const { path, format } = await ctx.dataset(input);
  return loadColumns(path, format, { columns: Object.keys(types), types, signal: ctx.signal });
}

/** Raw columns as the exported model's inputs: what a caller of the model would send for these rows. */
export function rawFeeds(plan: TabularPlan, table: Table, rows: Int32Array): Record<string, Tensor> {
  const feeds: Record<string, Tensor> = {};
  for (const { name } of plan.numeric) {
    const column = numbersOf(table, name);
    feeds[name] = tensor.float32(
      Float32Array.from(rows, (r) => column[r] as number),
      [rows.length, 1],
    );
  }
  for (const { name } of plan.categorical) {
    const column = textsOf(table, name);
    feeds[name] = tensor.string(
      Array.from(rows, (r) => column[r] ?? ''),
      [rows.length, 1],
    );
  }
  return feeds;
}

const ROWS = 4096;

/** Runs the exported model over rows of a table; `take` gets the outputs of each batch and the position of its first row. */
export async function runRaw(
  session: Session,
  plan: TabularPlan,
  table: Table,
  rows: Int32Array,
  take: (outputs: Record<string, Tensor>, from: number) => void,
): Promise<void> {
  for (let from = 0; from < rows.length; from += ROWS)
    take(await session.run(rawFeeds(plan, table, rows.subarray(from, from + ROWS))), from);
}
