import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { DatasetFormat, DatasetHandle, JobContext, ModelHandle } from '@strata/contracts';
import { columnIndex, openImages, quoteList, type Cell } from '@strata/data';
import { StrataError } from '@strata/kernel';
import type { Row } from '@strata/serving';
import { turn } from './cancel.js';
import { mustBePictures, rowsOf } from './datasets.js';

/**
 * The column that a text model reads: the one asked for, else one of the name that the model was trained on, else the only column of free text.
 * @throws StrataError `unknown_column`
 */
export function textColumnOf(model: ModelHandle, format: DatasetFormat, asked: string): string {
  if (asked !== '') return format.columns[columnIndex(format, asked, 'params.text_column')]?.name ?? asked;
  const names = format.columns.map((c) => c.name);
  const trained = model.manifest.params['text_column'];
  for (const name of [trained, model.manifest.inputs[0]?.name])
    if (typeof name === 'string' && names.includes(name)) return name;
  const texts = format.columns.filter((c) => c.type === 'text');
  const [only] = texts;
  if (only && texts.length === 1) return only.name;
  throw new StrataError(
    'unknown_column',
    `the model reads a text, and the data has ${texts.length} columns of free text. Name it in text_column. The columns: ${quoteList(names)}.`,
    { where: { field: 'params.text_column' } },
  );
}

/**
 * How a row of the file becomes a row of the model.
 * @throws StrataError `unknown_column` when the data lacks a column that the model takes
 */
export function rowMapper(
  model: ModelHandle,
  format: DatasetFormat,
  textColumn: string,
): (row: readonly Cell[]) => Row {
  const { manifest } = model;
  if (manifest.preprocess) {
    const index = columnIndex(format, textColumnOf(model, format, textColumn));
    return (row) => row[index] ?? '';
  }
  const columns = manifest.inputs.map((i) => {
    const index = format.columns.findIndex((c) => c.name === i.name);
    if (index < 0)
      throw new StrataError(
        'unknown_column',
        `the model takes a column "${i.name}", which the data does not have. The model's columns: ${quoteList(manifest.inputs.map((c) => c.name))}; the data's: ${quoteList(format.columns.map((c) => c.name))}.`,
        { where: { column: i.name } },
      );
    return [i.name, index] as const;
  });
  return (row) => Object.fromEntries(columns.map(([name, index]) => [name, row[index] ?? null]));
}

/** Rows of a file as rows of the model, some at a time. */
export interface RowSource {
  rows(cells: readonly (readonly Cell[])[], start: number): Promise<Row[]>;
  close(): void;
}

/**
 * As `rowMapper`, also for models of pictures: their rows are read from the archive that the dataset is.
 * @param start index in the dataset of the first row that is asked for
 */
export async function rowSource(model: ModelHandle, data: DatasetHandle, textColumn: string): Promise<RowSource> {
  if (model.manifest.preprocess?.kind !== 'image') {
    const toRow = rowMapper(model, data.format, textColumn);
    return { rows: (cells) => Promise.resolve(cells.map(toRow)), close: () => undefined };
  }
  mustBePictures(data.format, 'inputs.data');
  const archive = await openImages(data.path);
  return {
    rows: (cells, start) =>
      Promise.all(cells.map(async (_, i) => Buffer.from(await archive.encoded(start + i)).toString('base64'))),
    close: archive.close,
  };
}

export interface ModelBatch {
  readonly rows: readonly Cell[][];
  readonly lines: readonly number[];
  readonly start: number;
}

/** The rows of a dataset in batches of exactly `size` (the last may be smaller), however the file was cut. */
export async function* batchesOf(ctx: JobContext, data: DatasetHandle, size: number): AsyncGenerator<ModelBatch> {
  let rows: Cell[][] = [];
  let lines: number[] = [];
  let start = 0;
  for await (const batch of rowsOf(ctx, data))
    for (const [i, row] of batch.rows.entries()) {
      rows.push(row);
      lines.push(batch.lines[i] ?? 0);
      if (rows.length < size) continue;
      yield { rows, lines, start };
      start += rows.length;
      rows = [];
      lines = [];
      await turn(ctx.signal);
    }
  if (rows.length > 0) yield { rows, lines, start };
}

/** Bytes of all files of a model's folder. */
export async function folderBytes(dir: string): Promise<number> {
  let sum = 0;
  for (const entry of await readdir(dir, { withFileTypes: true, recursive: true }))
    if (entry.isFile()) sum += (await stat(join(entry.parentPath, entry.name))).size;
  return sum;
}

/** Nearest-rank percentile of unsorted values, q in (0, 1]; NaN of none. */
export function percentile(values: readonly number[], q: number): number {
  const sorted = Float64Array.from(values).sort();
  return sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)] ?? NaN;
}
