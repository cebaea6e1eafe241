import { basename } from 'node:path';
import type { ColumnType, DatasetFormat } from '@strata/contracts';
import { StrataError } from '@strata/kernel';
import { readRows, type ReadOptions } from './rows.js';
import { parseNumber, quoteList, type Cell } from './values.js';

export interface NumberColumn {
  readonly kind: 'number';
  readonly name: string;
  readonly type: ColumnType;
  /** NaN where missing. */
  readonly values: Float32Array | Float64Array;
}
export interface TextColumn {
  readonly kind: 'text';
  readonly name: string;
  readonly type: ColumnType;
  /** null where missing. */
  readonly values: Cell[];
}
export type TableColumn = NumberColumn | TextColumn;

/** A dataset in memory, column by column: columns of type `number` as numbers, all others as text. */
export interface Table {
  readonly rows: number;
  readonly columns: ReadonlyMap<string, TableColumn>;
  /** 1-based line of the file on which each row begins, for messages. */
  readonly lines: Uint32Array;
}

export interface LoadOptions extends ReadOptions {
  /** Only these, in this order; all by default. */
  readonly columns?: readonly string[];
  /** float32 by default, which is what models take. */
  readonly precision?: 'float32' | 'float64';
  /** Reads columns as other than their declared type, for example a class column of numbers as `category`. */
  readonly types?: Readonly<Record<string, ColumnType>>;
}

/** @throws StrataError `unknown_column`, listing the columns that exist */
export function columnIndex(format: Pick<DatasetFormat, 'columns'>, name: string, field = 'column'): number {
  const index = format.columns.findIndex((c) => c.name === name);
  if (index < 0)
    throw new StrataError(
      'unknown_column',
      `the data has no column "${name}". Its columns: ${quoteList(format.columns.map((c) => c.name))}.`,
      { where: { field, column: name } },
    );
  return index;
}

/** Numbers that double their room as they grow; the number of rows need not be known. */
class Growing<T extends Float32Array | Float64Array | Uint32Array> {
  #values: T;
  length = 0;
  constructor(
    readonly make: (n: number) => T,
    room: number,
  ) {
    this.#values = make(Math.max(16, room));
  }
  push(value: number): void {
    if (this.length === this.#values.length) {
      const wider = this.make(this.#values.length * 2);
      wider.set(this.#values);
      this.#values = wider;
    }
    this.#values[this.length++] = value;
  }
  take(): T {
    return this.#values.length === this.length ? this.#values : (this.#values.slice(0, this.length) as T);
  }
}

/**
 * Loads a dataset into memory. Categories are stored once and shared between rows.
 * @throws StrataError `unknown_column`; `invalid_data` naming line and column when a cell of a number column is no number
 */
export async function loadColumns(path: string, format: DatasetFormat, options: LoadOptions = {}): Promise<Table> {
  const name = options.name ?? basename(path);
  const names = options.columns ?? format.columns.map((c) => c.name);
  const make =
    options.precision === 'float64' ? (n: number) => new Float64Array(n) : (n: number) => new Float32Array(n);
  const wanted = names.map((n) => {
    const index = columnIndex(format, n);
    const type = options.types?.[n] ?? format.columns[index]?.type ?? 'text';
    return {
      index,
      name: n,
      type,
      numbers: type === 'number' ? new Growing<Float32Array | Float64Array>(make, format.rows) : undefined,
      texts: [] as Cell[],
      shared: new Map<string, string>(),
    };
  });
  const lines = new Growing<Uint32Array>((n) => new Uint32Array(n), format.rows);
  for await (const batch of readRows(path, format, options)) {
    for (const line of batch.lines) lines.push(line);
    for (const column of wanted)
      for (const [i, row] of batch.rows.entries()) {
        const cell = row[column.index] ?? null;
        if (column.numbers) {
          const value = cell === null ? NaN : parseNumber(cell);
          if (cell !== null && Number.isNaN(value)) throw notANumber(cell, batch.lines[i] ?? 0, column.name, name);
          column.numbers.push(value);
        } else column.texts.push(cell === null ? null : share(column.shared, cell));
      }
  }
  const columns = new Map<string, TableColumn>();
  for (const { name: n, type, numbers, texts } of wanted)
    columns.set(
      n,
      numbers
        ? { kind: 'number', name: n, type, values: numbers.take() }
        : { kind: 'text', name: n, type, values: texts },
    );
  return { rows: lines.length, columns, lines: lines.take() };
}

const SHARED_MOST = 10_000;
function share(seen: Map<string, string>, cell: string): string {
  const known = seen.get(cell);
  if (known !== undefined) return known;
  if (seen.size < SHARED_MOST) seen.set(cell, cell);
  return cell;
}

export function notANumber(cell: string, line: number, column: string, file: string): StrataError {
  const shown = cell.length > 40 ? `${cell.slice(0, 40)}…` : cell;
  return new StrataError(
    'invalid_data',
    `line ${line}, column "${column}": "${shown}" is not a number. Correct it, leave it empty, or declare the column's type as category or text.`,
    { where: { file, line, column } },
  );
}

/** A number column of a table. @throws StrataError `unknown_column`, or `invalid_input` when it holds text */
export function numbersOf(table: Table, name: string): Float32Array | Float64Array {
  const column = table.columns.get(name);
  if (!column) throw unknown(table, name);
  if (column.kind !== 'number')
    throw new StrataError(
      'invalid_input',
      `column "${name}" holds text (${column.type}), and numbers are needed here.`,
      {
        where: { column: name },
      },
    );
  return column.values;
}

/** A column of a table as text; numbers are written as JavaScript writes them. @throws StrataError `unknown_column` */
export function textsOf(table: Table, name: string): readonly Cell[] {
  const column = table.columns.get(name);
  if (!column) throw unknown(table, name);
  if (column.kind === 'text') return column.values;
  return Array.from(column.values, (v) => (Number.isNaN(v) ? null : String(v)));
}

const unknown = (table: Table, name: string): StrataError =>
  new StrataError(
    'unknown_column',
    `the data has no column "${name}". Its columns: ${quoteList([...table.columns.keys()])}.`,
    { where: { column: name } },
  );
