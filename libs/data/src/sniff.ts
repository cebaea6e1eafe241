import { basename } from 'node:path';
import { isStrataError, type StrataError } from '@strata/kernel';
import { readRecords, type CsvRecord } from './rows.js';
import { openText } from './open.js';
import { parseNumber } from './values.js';

export const DELIMITERS = [',', '\t', ';', '|'] as const;
export type Delimiter = (typeof DELIMITERS)[number];

/** Records looked at to find delimiter and header; the whole file is checked afterwards. */
const SAMPLE = 400;

export interface Dialect {
  readonly delimiter: string;
  /** `"` or, for a file without quoting, ''. */
  readonly quote: string;
  readonly sample: readonly CsvRecord[];
}

async function sample(path: string, delimiter: string, quote: string, name: string): Promise<CsvRecord[]> {
  const out: CsvRecord[] = [];
  for await (const batch of readRecords(path, { delimiter, quote }, { name, firstRecords: SAMPLE, batchRows: 1 })) {
    out.push(...batch);
    if (out.length >= SAMPLE) break;
  }
  return out.slice(0, SAMPLE);
}

/** The most frequent number of fields, and the share of records that have it. */
function regularity(records: readonly CsvRecord[]): { fields: number; share: number } {
  const counts = new Map<number, number>();
  for (const { cells } of records) counts.set(cells.length, (counts.get(cells.length) ?? 0) + 1);
  const [fields, n] = [...counts].sort((a, b) => b[1] - a[1] || b[0] - a[0])[0] ?? [1, 0];
  return { fields, share: records.length === 0 ? 0 : n / records.length };
}

/**
 * Finds delimiter and quoting: the pair under which most records have the same number of fields, more than one. A file without any of the delimiters is one
 * column. Quotes that break a file's records (as in tab-separated text) count as plain characters when that makes the file regular.
 * @throws StrataError `invalid_data` when every reading of the file fails
 */
export async function sniffDialect(path: string, delimiter?: string, name = basename(path)): Promise<Dialect> {
  let best: (Dialect & { score: number }) | undefined;
  let failure: StrataError | undefined;
  for (const d of delimiter === undefined ? DELIMITERS : [delimiter])
    for (const quote of ['"', '']) {
      let records: CsvRecord[];
      try {
        records = await sample(path, d, quote, name);
      } catch (e) {
        if (!isStrataError(e) || e.code !== 'invalid_data' || e.where?.line === undefined) throw e;
        failure ??= e;
        continue;
      }
      const { fields, share } = regularity(records);
      // regular and several fields beats all; quoting is preferred, but not when it glues lines that are regular without it
      const glued = quote === '"' && d === '\t' && records.some(({ cells }) => cells.some((c) => c.includes('\n')));
      const score =
        fields < 2 ? 0.01 : share + Math.min(fields, 50) * 1e-3 - (glued ? 0.5 : 0) - (quote === '' ? 0.2 : 0);
      if (!best || score > best.score) best = { delimiter: d, quote, sample: records, score };
    }
  if (!best) throw failure as StrataError;
  return best;
}

const IDENTIFIER = /^[\p{L}_#][\p{L}\p{M}\p{N}_ .:/()%#$€£²³°'-]*$/u;

/**
 * Whether the first record holds names. It does when a column is numeric below a first cell that is not; it does not when any of its cells is a number, is absent,
 * is repeated, or turns up again below (a class). Otherwise short cells that look like identifiers above longer text, or in doubt, are names.
 */
export function hasHeader(records: readonly CsvRecord[]): boolean {
  const [head, ...body] = records;
  if (!head || body.length === 0) return head !== undefined && head.cells.every((c) => IDENTIFIER.test(c));
  const names = head.cells;
  if (new Set(names).size !== names.length) return false;
  // pandas leaves the name of its index column empty
  if (names.some((n, i) => (n === '' && i > 0) || !Number.isNaN(parseNumber(n)))) return false;
  let evidence = 0;
  for (const [i, name] of names.entries()) {
    const below = body.map((r) => r.cells[i] ?? '').filter((c) => c !== '');
    if (below.length === 0) continue;
    const numeric = below.filter((c) => !Number.isNaN(parseNumber(c))).length / below.length;
    if (numeric > 0.8) evidence += 2;
    if (below.includes(name)) evidence -= 2;
    const mean = below.reduce((s, c) => s + c.length, 0) / below.length;
    if (name.length > 3 * mean + 30 || name.length > 80) evidence -= 1;
    else if (mean > 3 * name.length && mean > 20) evidence += 1;
  }
  return evidence > 0 || (evidence === 0 && names.every((n) => n === '' || IDENTIFIER.test(n)));
}

/** Whether the file's first character that is not white space opens a JSON object. */
export async function looksLikeJson(path: string, name = basename(path)): Promise<boolean> {
  for await (const chunk of openText(path, name)) {
    const text = chunk.toString('utf8').trimStart();
    if (text !== '') return text.startsWith('{');
  }
  return false;
}
