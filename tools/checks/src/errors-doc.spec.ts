import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { status } from '@grpc/grpc-js';
import { ERRORS, type ErrorRow } from '@strata/kernel';

const file = path.resolve(import.meta.dirname, '../../../docs/errors.md');

/** The rows of the page's tables, by code: `code | HTTP | gRPC | retry | title en<br>zh | what to do`. */
function rowsOf(
  markdown: string,
): { code: string; http: string; grpc: string; retry: string; title: string; todo: string }[] {
  return markdown
    .split('\n')
    .filter((line) => /^\| `\w+`/.test(line))
    .map((line) => {
      const cells = line
        .split(/(?<!\\)\|/)
        .slice(1, -1)
        .map((cell) => cell.trim());
      const [code = '', http = '', grpc = '', retry = '', title = '', todo = ''] = cells;
      expect(cells).toHaveLength(6);
      return { code: code.replaceAll('`', ''), http, grpc, retry, title, todo };
    });
}

describe('docs/errors.md', () => {
  const rows = rowsOf(fs.readFileSync(file, 'utf8'));
  const table: [string, ErrorRow][] = Object.entries(ERRORS);

  it('has every code of the table once, and no other', () => {
    expect(rows.map((r) => r.code).sort()).toEqual(table.map(([code]) => code).sort());
  });

  it.each(table)('says of %s what the table says', (code, row) => {
    const found = rows.find((r) => r.code === code);
    expect({ ...found, todo: undefined }).toEqual({
      code,
      http: String(row.httpStatus),
      grpc: status[row.grpcStatus],
      retry: row.retryable ? 'yes' : 'no',
      title: `${row.title.en}<br>${row.title.zh}`,
    });
    // a sentence at least
    expect(found?.todo).toMatch(/^[A-Z].{25,}\.$/);
  });
});
