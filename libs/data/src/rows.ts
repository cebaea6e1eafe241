import { basename } from 'node:path';
import { CsvError, parse } from 'csv-parse';
import type { DatasetFormat } from '@strata/contracts';
import { StrataError } from '@strata/kernel';
import { readConll } from './conll.js';
import { readImages } from './images/images.js';
import { openText } from './open.js';
import { readLines } from './text.js';
import { missingSet, type Cell } from './values.js';

/** Rows of a file in reading order; `rows[i]` has one cell for each column. */
export interface RowBatch {
  readonly rows: Cell[][];
  /** 1-based line of the file on which each row begins. */
  readonly lines: number[];
  /** Index of the batch's first row in the dataset. */
  readonly start: number;
}

export interface ReadOptions {
  /** Rows of a batch, about: the last chunk of the file decides. */
  readonly batchRows?: number;
  readonly signal?: AbortSignal;
  /** Name of the file in messages; its own name by default. */
  readonly name?: string;
}

/** What reading needs to know: a DatasetFormat, or the part of one that describeFile has found so far. */
export type RowFormat = Pick<DatasetFormat, 'format' | 'delimiter' | 'header' | 'missing_values'> &
  Partial<Pick<DatasetFormat, 'quote'>> & { readonly columns: readonly { readonly name: string }[] };

/** A record longer than this is an unclosed quote that swallows the file, not data. */
const MAX_RECORD_BYTES = 16 << 20;
const DEFAULT_BATCH = 4096;
/** Bytes parsed at a time when only the first records are wanted. */
const SAMPLE_BYTES = 1 << 14;

export interface CsvRecord {
  /** Fields as they stand in the file, trimmed. */
  cells: string[];
  line: number;
}

function quoteError(e: CsvError, name: string, lastLine: number): StrataError {
  const begins = lastLine + 1;
  const mend =
    e.code === 'CSV_QUOTE_NOT_CLOSED' || e.code === 'CSV_MAX_RECORD_SIZE'
      ? `line ${begins} of ${name} opens a quote (") that never closes. Close it, or double it ("") if it belongs to the text.`
      : `line ${begins} of ${name} has a quote (") in the middle of a field. Put the whole field in quotes and double the inner ones ("").`;
  return new StrataError('invalid_data', mend, { cause: e, where: { file: name, line: begins } });
}

/** Raw records of a delimited file, header included, of whatever length; batches end with the file's chunks. */
export async function* readRecords(
  path: string,
  format: { readonly delimiter: string; readonly quote?: string },
  options: ReadOptions & { readonly firstRecords?: number } = {},
): AsyncGenerator<CsvRecord[]> {
  const name = options.name ?? basename(path);
  const limit = options.firstRecords ?? Infinity;
  const size = options.batchRows ?? DEFAULT_BATCH;
  let batch: CsvRecord[] = [];
  let lastLine = 0;
  let seen = 0;
  let failure: Error | undefined;
  const quote = format.quote ?? '"';
  const parser = parse({
    delimiter: format.delimiter,
    quote: quote === '' ? false : quote,
    escape: quote === '' ? false : quote,
    record_delimiter: ['\r\n', '\n', '\r'],
    relax_column_count: true,
    skip_empty_lines: true,
    trim: true,
    max_record_size: MAX_RECORD_BYTES,
    // records are taken here and not pushed through the stream: three times as fast
    on_record: (cells: string[], context) => {
      let line = context.lines;
      for (const cell of cells) for (let i = cell.indexOf('\n'); i >= 0; i = cell.indexOf('\n', i + 1)) line--;
      lastLine = context.lines;
      batch.push({ cells, line });
      return null;
    },
  });
  parser.on('error', (e) => (failure ??= e));
  parser.resume();
  const fail = (e: Error): never => {
    if (e instanceof CsvError) throw quoteError(e, name, lastLine);
    throw e;
  };
  try {
    for await (const chunk of openText(path, name, options.signal)) {
      const step = limit === Infinity ? chunk.length : SAMPLE_BYTES;
      for (let from = 0; from < chunk.length; from += step) {
        await new Promise<void>((done) => parser.write(chunk.subarray(from, from + step), () => done()));
        if (failure) fail(failure);
        if (batch.length < size) continue;
        seen += batch.length;
        yield batch;
        batch = [];
        if (seen >= limit) return;
      }
    }
    const ended = new Promise<void>((done) => parser.once('close', done));
    parser.end();
    await ended;
    if (failure) fail(failure);
    if (batch.length > 0) yield batch;
  } finally {
    parser.destroy();
  }
}

const cellOf = (value: unknown): Cell =>
  value === null || value === undefined ? null : typeof value === 'string' ? value.trim() : JSON.stringify(value);

/** Objects of a JSON lines file. @throws StrataError `invalid_data` naming the line */
export async function* readObjects(
  path: string,
  options: ReadOptions = {},
): AsyncGenerator<{ readonly value: Record<string, unknown>; readonly line: number }[]> {
  const name = options.name ?? basename(path);
  let rest = '';
  let line = 0;
  const take = (text: string): { value: Record<string, unknown>; line: number }[] => {
    const out = [];
    for (const raw of text.split('\n')) {
      line++;
      const trimmed = raw.trim();
      if (trimmed === '') continue;
      let value: unknown;
      try {
        value = JSON.parse(trimmed);
      } catch (e) {
        throw new StrataError('invalid_data', `line ${line} of ${name} is not valid JSON: ${(e as Error).message}`, {
          cause: e,
          where: { file: name, line },
        });
      }
      if (typeof value !== 'object' || value === null || Array.isArray(value))
        throw new StrataError('invalid_data', `line ${line} of ${name} is not a JSON object such as {"text": "…"}.`, {
          where: { file: name, line },
        });
      out.push({ value: value as Record<string, unknown>, line });
    }
    return out;
  };
  for await (const chunk of openText(path, name, options.signal)) {
    const text = rest + chunk.toString('utf8');
    const end = text.lastIndexOf('\n');
    rest = text.slice(end + 1);
    if (end >= 0) yield take(text.slice(0, end));
  }
  if (rest.trim() !== '') yield take(rest);
}

/**
 * Rows of a dataset as text cells, null where missing, in batches.
 * @throws StrataError `invalid_data` naming line and column: wrong number of fields, broken quote, broken JSON, not UTF-8
 */
export async function* readRows(path: string, format: RowFormat, options: ReadOptions = {}): AsyncGenerator<RowBatch> {
  const name = options.name ?? basename(path);
  const missing = missingSet(format);
  let start = 0;
  if (format.format === 'conll') {
    yield* readConll(path, options);
    return;
  }
  if (format.format === 'images') {
    yield* readImages(path, options);
    return;
  }
  if (format.format === 'text') {
    yield* readLines(path, options);
    return;
  }
  if (format.format === 'jsonl') {
    const names = format.columns.map((c) => c.name);
    for await (const objects of readObjects(path, options)) {
      const rows = objects.map(({ value }) =>
        names.map((n) => {
          const cell = Object.hasOwn(value, n) ? cellOf(value[n]) : null;
          return cell === null || missing.has(cell) ? null : cell;
        }),
      );
      if (rows.length > 0) yield { rows, lines: objects.map((o) => o.line), start };
      start += rows.length;
    }
    return;
  }
  const expected = format.columns.length;
  let header = format.header;
  for await (const records of readRecords(path, format, options)) {
    const rows: Cell[][] = [];
    const lines: number[] = [];
    for (const { cells, line } of records) {
      if (header) {
        header = false;
        continue;
      }
      // a line of spaces only
      if (cells.length === 1 && expected > 1 && cells[0] === '') continue;
      if (cells.length !== expected) throw raggedLine(cells.length, format, line, name);
      for (let i = 0; i < expected; i++) if (missing.has(cells[i] as string)) (cells as Cell[])[i] = null;
      rows.push(cells);
      lines.push(line);
    }
    if (rows.length > 0) yield { rows, lines, start };
    start += rows.length;
  }
}

function raggedLine(fields: number, format: RowFormat, line: number, name: string): StrataError {
  const expected = format.columns.length;
  const which =
    fields < expected
      ? `the value of column "${format.columns[fields]?.name ?? ''}" and what follows is absent`
      : `a field that holds the delimiter needs quotes around it`;
  const column = fields < expected ? format.columns[fields]?.name : undefined;
  return new StrataError('invalid_data', `line ${line} has ${fields} fields, expected ${expected}: ${which}.`, {
    where: { file: name, line, ...(column === undefined ? {} : { column }) },
  });
}
