import { createWriteStream } from 'node:fs';
import { finished } from 'node:stream/promises';
import { once } from 'node:events';

export type WritableCell = string | number | boolean | null | undefined;

/** A field in quotes where RFC 4180 asks for them, and where leading or trailing white space would be lost on reading. */
function field(value: WritableCell, delimiter: string): string {
  if (value === null || value === undefined) return '';
  const text = typeof value === 'number' && Number.isNaN(value) ? '' : String(value);
  return text.includes(delimiter) || /["\r\n]|^\s|\s$/u.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

export interface CsvWriter {
  readonly rows: number;
  /** Resolves when the row has been taken; await it, so that memory stays bounded. */
  write(row: readonly WritableCell[]): Promise<void>;
  /** Resolves when all is on disk. */
  close(): Promise<void>;
}

const FLUSH = 1 << 16;

/** Opens a CSV file (UTF-8, header, `\n`) for writing row by row; missing values are written as empty fields. */
export function csvWriter(path: string, columns: readonly string[], delimiter = ','): CsvWriter {
  const stream = createWriteStream(path);
  // an error surfaces in write or close; without a listener it would end the process
  let failure: Error | undefined;
  stream.on('error', (e) => (failure = e));
  let buffer = columns.map((c) => field(c, delimiter)).join(delimiter) + '\n';
  let rows = 0;
  const flush = async (): Promise<void> => {
    if (failure) throw failure;
    const more = stream.write(buffer);
    buffer = '';
    if (!more) await once(stream, 'drain');
  };
  return {
    get rows() {
      return rows;
    },
    async write(row) {
      const line = row.map((c) => field(c, delimiter)).join(delimiter);
      // a lone empty field would be an empty line, which readers skip
      buffer += (line === '' && row.length === 1 ? '""' : line) + '\n';
      rows++;
      if (buffer.length >= FLUSH) await flush();
    },
    async close() {
      if (buffer !== '') await flush();
      stream.end();
      await finished(stream);
    },
  };
}

/** Writes a whole CSV file and returns the number of rows. */
export async function writeCsv(
  path: string,
  columns: readonly string[],
  rows: Iterable<readonly WritableCell[]> | AsyncIterable<readonly WritableCell[]>,
  delimiter = ',',
): Promise<number> {
  const writer = csvWriter(path, columns, delimiter);
  for await (const row of rows) await writer.write(row);
  await writer.close();
  return writer.rows;
}
