import { basename } from 'node:path';
import type { ColumnType } from '@strata/contracts';
import { openText } from './open.js';
import type { ReadOptions, RowBatch, RowFormat } from './rows.js';

/** A dataset of plain text has one column. */
export const TEXT_COLUMNS: readonly { readonly name: string; readonly type: ColumnType }[] = [
  { name: 'text', type: 'text' },
];

export const textFormat: RowFormat = {
  format: 'text',
  delimiter: '\t',
  header: false,
  columns: TEXT_COLUMNS.map(({ name }) => ({ name })),
  // a line may consist of "?" or of "NA"
  missing_values: [],
};

const BATCH = 4096;

/** The lines of a text that are not blank, as they stand but for the carriage return at their end. @throws StrataError `invalid_data` naming the line that is not UTF-8 */
export async function* readLines(path: string, options: ReadOptions = {}): AsyncGenerator<RowBatch> {
  const name = options.name ?? basename(path);
  const size = options.batchRows ?? BATCH;
  let start = 0;
  let rows: string[][] = [];
  let lines: number[] = [];
  let line = 0;
  const take = (text: string): void => {
    for (const raw of text.split('\n')) {
      line++;
      if (raw.trim() === '') continue;
      rows.push([raw.endsWith('\r') ? raw.slice(0, -1) : raw]);
      lines.push(line);
    }
  };
  let rest = '';
  for await (const chunk of openText(path, name, options.signal)) {
    const text = rest + chunk.toString('utf8');
    const end = text.lastIndexOf('\n');
    rest = text.slice(end + 1);
    if (end >= 0) take(text.slice(0, end));
    if (rows.length < size) continue;
    yield { rows, lines, start };
    start += rows.length;
    rows = [];
    lines = [];
  }
  take(rest);
  if (rows.length > 0) yield { rows, lines, start };
}

/**
 * The whole of a text file, unpacked, without byte order mark: for models that read across lines.
 * @throws StrataError `not_found`, `invalid_data` (binary file, or the first line that is not UTF-8), `job_cancelled`
 */
export async function readText(path: string, options: Pick<ReadOptions, 'name' | 'signal'> = {}): Promise<string> {
  const parts: string[] = [];
  for await (const chunk of openText(path, options.name ?? basename(path), options.signal))
    parts.push(chunk.toString('utf8'));
  return parts.join('');
}
