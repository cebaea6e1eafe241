import { open } from 'node:fs/promises';
import { basename } from 'node:path';
import type { ColumnType, CreateDataset, DatasetFormat } from '@strata/contracts';
import { isStrataError, StrataError } from '@strata/kernel';
import { notANumber } from './columns.js';
import { CONLL_COLUMNS, conllFormat } from './conll.js';
import { checkImages, IMAGE_COLUMNS, imagesFormat } from './images/images.js';
import { ColumnStats } from './infer.js';
import { readObjects, readRows, type RowFormat } from './rows.js';
import { hasHeader, looksLikeJson, sniffDialect } from './sniff.js';
import { TEXT_COLUMNS, textFormat } from './text.js';
import { DEFAULT_MISSING, quoteList } from './values.js';

/** What the caller knows already; the rest is found out. */
export interface DescribeOptions extends Partial<
  Pick<CreateDataset, 'format' | 'delimiter' | 'header' | 'columns' | 'types'>
> {
  readonly quote?: string;
  readonly missingValues?: readonly string[];
  /** The file's name in messages, when it is stored under another. */
  readonly name?: string;
  readonly signal?: AbortSignal;
}

const COLUMNS_MOST = 10_000;

async function csvFormat(path: string, name: string, options: DescribeOptions): Promise<RowFormat[]> {
  const dialect = await sniffDialect(path, options.delimiter, name);
  const first = dialect.sample[0];
  if (!first) throw new StrataError('empty_data', `${name} holds no rows.`, { where: { file: name } });
  const header = options.header ?? (options.columns ? false : hasHeader(dialect.sample));
  const names = options.columns ?? first.cells.map((cell, i) => (header && cell !== '' ? cell : `column_${i + 1}`));
  if (names.length > COLUMNS_MOST)
    throw new StrataError('invalid_data', `${name} has ${names.length} columns; ${COLUMNS_MOST} is the most.`, {
      where: { file: name, line: first.line },
    });
  if (options.columns && options.columns.length !== first.cells.length)
    throw new StrataError(
      'invalid_data',
      `line ${first.line} has ${first.cells.length} fields, and ${options.columns.length} column names were given: ${quoteList(options.columns)}.`,
      { where: { file: name, line: first.line } },
    );
  const twice = names.find((n, i) => names.indexOf(n) !== i);
  if (twice !== undefined)
    throw new StrataError(
      'invalid_data',
      `line ${first.line} names two columns "${twice}". Give each column its own name.`,
      {
        where: { file: name, line: first.line, column: twice },
      },
    );
  const base = {
    format: 'csv' as const,
    delimiter: dialect.delimiter,
    header,
    columns: names.map((n) => ({ name: n })),
    missing_values: [...(options.missingValues ?? DEFAULT_MISSING)],
  };
  if (options.quote !== undefined) return [{ ...base, quote: options.quote }];
  // a quote that breaks a line beyond the sample may still be a plain character of a file without quoting
  return dialect.quote === '' ? [{ ...base, quote: '' }] : [base, { ...base, quote: '' }];
}

async function jsonlFormat(path: string, name: string, options: DescribeOptions): Promise<RowFormat[]> {
  const names = new Set<string>(options.columns);
  for await (const objects of readObjects(path, { name, ...(options.signal ? { signal: options.signal } : {}) }))
    for (const { value, line } of objects) {
      for (const key of Object.keys(value)) names.add(key);
      if (names.size > COLUMNS_MOST)
        throw new StrataError('invalid_data', `${name} has more than ${COLUMNS_MOST} different keys.`, {
          where: { file: name, line },
        });
    }
  return [
    {
      format: 'jsonl',
      delimiter: ',',
      header: false,
      columns: [...names].map((n) => ({ name: n })),
      missing_values: [...(options.missingValues ?? DEFAULT_MISSING)],
    },
  ];
}

async function scan(path: string, name: string, format: RowFormat, signal?: AbortSignal): Promise<ColumnStats[]> {
  const stats = format.columns.map((c) => new ColumnStats(c.name));
  for await (const { rows, lines } of readRows(path, format, { name, ...(signal ? { signal } : {}) }))
    for (const [i, row] of rows.entries())
      for (let c = 0; c < stats.length; c++) stats[c]?.add(row[c] ?? null, lines[i] ?? 0);
  return stats;
}

async function scanAny(
  path: string,
  name: string,
  readings: readonly RowFormat[],
  signal?: AbortSignal,
): Promise<{ format: RowFormat; stats: ColumnStats[] }> {
  let failure: unknown;
  for (const format of readings)
    try {
      return { format, stats: await scan(path, name, format, signal) };
    } catch (e) {
      if (!isStrataError(e) || e.code !== 'invalid_data') throw e;
      failure ??= e;
    }
  throw failure;
}

/** @throws StrataError `invalid_data` for a cell that is no number where the caller declared numbers, or almost all others are */
function typeOf(stats: ColumnStats, declared: ColumnType | undefined, name: string): ColumnType {
  const [odd] = stats.odd;
  if (declared === 'number' && odd) throw notANumber(odd[0], odd[1], stats.name, name);
  if (declared) return declared;
  const broken = stats.brokenNumber;
  if (broken) throw notANumber(broken.cell, broken.line, stats.name, name);
  return stats.type();
}

/** Formats whose columns and types are always the same. @throws StrataError `empty_data`, `invalid_data` */
async function describeFixed(
  path: string,
  name: string,
  format: RowFormat,
  columns: readonly { readonly name: string; readonly type: ColumnType }[],
  signal: AbortSignal | undefined,
): Promise<DatasetFormat> {
  const stats = await scan(path, name, format, signal);
  const rows = stats[0]?.rows ?? 0;
  if (rows === 0) throw new StrataError('empty_data', `${name} holds no rows.`, { where: { file: name } });
  return {
    ...format,
    columns: stats.map((s, i) => s.describe(columns[i]?.type ?? 'text')),
    rows,
  };
}

/** Whether a file begins as a ZIP archive; an empty one counts too. */
async function isZip(path: string): Promise<boolean> {
  const head = Buffer.alloc(4);
  const file = await open(path).catch(() => undefined);
  if (!file) return false;
  try {
    await file.read(head, 0, 4, 0);
  } finally {
    await file.close();
  }
  return ['PK\x03\x04', 'PK\x05\x06'].includes(head.toString('latin1'));
}

/** Names of files that hold prose unless they turn out to be a table. */
const PLAIN = /\.(?:txt|text)(?:\.gz)?$/iu;

/** Whether each line of the file has the same number of fields, two or more, or the caller says what its columns are, or each line is a JSON object. */
async function isTable(path: string, name: string, options: DescribeOptions): Promise<boolean> {
  if (options.columns || options.delimiter !== undefined || (await looksLikeJson(path, name))) return true;
  try {
    const { stats } = await scanAny(path, name, await csvFormat(path, name, options), options.signal);
    return stats.length > 1;
  } catch (e) {
    if (isStrataError(e) && e.code === 'invalid_data') return false;
    throw e;
  }
}

/**
 * Reads the whole file once or twice and says how to read it and what is in it: delimiter, quoting, header, column types, missing values, statistics.
 * Unpacks gzip. A marker such as `-` or `unknown` that stands alone in an otherwise numeric column is added to the missing values.
 * @throws StrataError `not_found`, `empty_data`, `unknown_column` (a type for a column that is not there), `invalid_data` naming the line: not text, not UTF-8, a wrong
 * number of fields, a broken quote, broken JSON, two columns of one name, a word in a column of numbers
 */
export async function describeFile(path: string, options: DescribeOptions = {}): Promise<DatasetFormat> {
  const name = options.name ?? basename(path);
  const wanted = options.format ?? 'auto';
  if (wanted === 'conll' || (wanted === 'auto' && /\.conll(\.gz)?$/iu.test(name)))
    return describeFixed(path, name, conllFormat, CONLL_COLUMNS, options.signal);
  if (wanted === 'images' || (wanted === 'auto' && (await isZip(path)) && !/\.xlsx$/iu.test(name))) {
    await checkImages(path, name, options.signal);
    return describeFixed(path, name, imagesFormat, IMAGE_COLUMNS, options.signal);
  }
  if (wanted === 'text' || (wanted === 'auto' && PLAIN.test(name) && !(await isTable(path, name, options))))
    return describeFixed(path, name, textFormat, TEXT_COLUMNS, options.signal);
  const json = wanted === 'jsonl' || (wanted === 'auto' && (await looksLikeJson(path, name)));
  const readings = await (json ? jsonlFormat : csvFormat)(path, name, options);
  let { format, stats } = await scanAny(path, name, readings, options.signal);
  const markers = new Set(
    stats.map((s) => (options.types?.[s.name] ? undefined : s.missingMarker)).filter((m) => m !== undefined),
  );
  if (markers.size > 0 && !options.missingValues) {
    format = { ...format, missing_values: [...format.missing_values, ...markers] };
    stats = await scan(path, name, format, options.signal);
  }
  const rows = stats[0]?.rows ?? 0;
  if (rows === 0)
    throw new StrataError('empty_data', `${name} holds ${format.header ? 'a header and no' : 'no'} rows.`, {
      where: { file: name },
    });
  for (const column of Object.keys(options.types ?? {}))
    if (!stats.some((s) => s.name === column))
      throw new StrataError(
        'unknown_column',
        `a type is given for column "${column}", which the data does not have. Its columns: ${quoteList(stats.map((s) => s.name))}.`,
        { where: { field: `types.${column}`, column } },
      );
  return {
    format: format.format,
    delimiter: format.delimiter,
    ...(format.quote === undefined ? {} : { quote: format.quote }),
    header: format.header,
    columns: stats.map((s) => s.describe(typeOf(s, options.types?.[s.name], name))),
    rows,
    missing_values: format.missing_values,
  };
}
