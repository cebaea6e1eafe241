import type { ColumnType, JobContext } from '@strata/contracts';
import { loadColumns, numbersOf, textsOf, type Table } from '@strata/data';
import { createSession, float32Of, tensor, type Tensor } from '@strata/runtime';
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

/** An output [rows, width] of the exported file itself for raw rows of a table: what is measured is what is served. */
export async function servedOutput(
  ctx: JobContext,
  bytes: Uint8Array,
  plan: TabularPlan,
  { table, rows }: { readonly table: Table; readonly rows: Int32Array },
  output: string,
  width: number,
): Promise<Float32Array> {
  const all = new Float32Array(rows.length * width);
  const session = await createSession(bytes, { threads: ctx.threads });
  try {
    for (let from = 0; from < rows.length; from += ROWS) {
      const made = await session.run(rawFeeds(plan, table, rows.subarray(from, from + ROWS)), [output]);
      all.set(float32Of(made[output], output), from * width);
    }
  } finally {
    await session.release();
  }
  return all;
}
