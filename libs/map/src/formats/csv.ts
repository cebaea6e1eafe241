import { StrataError } from '@strata/kernel';
import { parse } from 'csv-parse/sync';
import { stringify } from 'csv-stringify/sync';
import type { Parsed } from '../read.js';
import type { Entry } from '../schema.js';
import { COLUMNS, flatten, unflatten } from './flat.js';
import { placed } from './placed.js';

/** Spreadsheets run cells that begin so as formulas; a leading apostrophe makes them text (OWASP, CSV injection). */
const FORMULA = /^[=+\-@\t\r]/;
const GUARD = "'";

export const writeCsv = (entries: readonly Entry[]): string =>
  stringify(
    entries.map((e) => {
      const row = flatten(e);
      return COLUMNS.map(({ name }) => (FORMULA.test(row[name] ?? '') ? GUARD : '') + (row[name] ?? ''));
    }),
    { header: true, columns: COLUMNS.map((c) => c.name) },
  );

interface Row {
  readonly record: Record<string, string>;
  readonly info: { readonly lines: number };
}

/** Entries of a CSV file with a header of the columns of `flatten`, and all that is wrong with it. */
export function readCsv(text: string, file: string): Parsed {
  let rows: Row[];
  const begins: number[] = [];
  try {
    let header: string[] = [];
    let before = 1;
    rows = parse(text, {
      bom: true,
      columns: (names: string[]) => (header = names.map((n) => n.trim())),
      info: true,
      skip_empty_lines: true,
      // a record's `lines` counts up to its end: it begins behind the one before
      on_record: (row: Row) => {
        begins.push(before + 1);
        before = row.info.lines;
        return row;
      },
    }) as unknown as Row[];
    const unknown = header.filter((h) => !COLUMNS.some((c) => c.name === h));
    if (unknown.length)
      return {
        entries: [],
        problems: [
          {
            file,
            line: 1,
            message: `there is no column "${unknown[0]}"; there are ${COLUMNS.map((c) => c.name).join(', ')}`,
          },
        ],
      };
  } catch (e) {
    if (e instanceof StrataError) throw e;
    const line = (e as { lines?: number }).lines;
    return { entries: [], problems: [{ file, ...(line ? { line } : {}), message: (e as Error).message }] };
  }
  const parts = rows.map((row, i) => {
    const cells = Object.fromEntries(
      Object.entries(row.record).map(([k, v]) => [k, v.startsWith(GUARD) && FORMULA.test(v.slice(1)) ? v.slice(1) : v]),
    );
    return placed(unflatten(cells), file, begins[i] ?? 1);
  });
  return { entries: parts.flatMap((p) => p.entries), problems: parts.flatMap((p) => p.problems) };
}
