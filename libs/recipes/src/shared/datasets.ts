import type { ColumnType, DatasetFormat, DatasetHandle, JobContext } from '@strata/contracts';
import { describeFile, readRows, type Cell, type RowBatch } from '@strata/data';
import { StrataError } from '@strata/kernel';
import { turn } from './cancel.js';

/** Rows of an input dataset; ends with `job_cancelled` between batches when the job is cancelled. */
export async function* rowsOf(ctx: JobContext, data: DatasetHandle): AsyncGenerator<RowBatch> {
  for await (const batch of readRows(data.path, data.format, { signal: ctx.signal })) {
    yield batch;
    await turn(ctx.signal);
  }
}

/** @param field the input that the data came by. @throws StrataError `invalid_input` for data that are no pictures */
export function mustBePictures(format: DatasetFormat, field: string): void {
  if (format.format === 'images') return;
  throw new StrataError(
    'invalid_input',
    `the model takes pictures, and the data are of the format ${format.format}. Pictures come as a ZIP archive of class folders or of IDX files (format images).`,
    { where: { field } },
  );
}

/** One column in memory, equal values sharing one string. */
export async function readColumn(ctx: JobContext, data: DatasetHandle, index: number): Promise<Cell[]> {
  const shared = new Map<string, string>();
  const out: Cell[] = [];
  for await (const { rows } of rowsOf(ctx, data))
    for (const row of rows) {
      const cell = row[index] ?? null;
      if (cell === null) out.push(null);
      else {
        if (!shared.has(cell)) shared.set(cell, cell);
        out.push(shared.get(cell) ?? cell);
      }
    }
  return out;
}

/** Describes a CSV file that a recipe has written, keeping the types that its columns had. */
export function describeWritten(
  ctx: JobContext,
  path: string,
  source: DatasetFormat,
  types: Readonly<Record<string, ColumnType>> = {},
  columns: readonly string[] = source.columns.map((c) => c.name),
): Promise<DatasetFormat> {
  const known = source.columns
    .filter((c) => columns.includes(c.name) && c.type !== 'empty')
    .map((c) => [c.name, c.type] as const);
  return describeFile(path, {
    format: 'csv',
    delimiter: ',',
    header: true,
    quote: '"',
    types: { ...Object.fromEntries(known), ...types },
    missingValues: source.missing_values,
    signal: ctx.signal,
  });
}

export const countBy = (cells: readonly Cell[]): Map<string, number> => {
  const counts = new Map<string, number>();
  for (const cell of cells) if (cell !== null) counts.set(cell, (counts.get(cell) ?? 0) + 1);
  return counts;
};
