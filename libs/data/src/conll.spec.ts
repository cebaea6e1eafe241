import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { describeFile } from './describe.js';
import { readRows } from './rows.js';
import type { Cell } from './values.js';

let folder = '';
beforeAll(async () => void (folder = await mkdtemp(join(tmpdir(), 'strata-conll-'))));
afterAll(() => rm(folder, { recursive: true, force: true }));

async function rowsOf(text: string, file = 'a.conll'): Promise<{ rows: Cell[][]; lines: number[] }> {
  const path = join(folder, file);
  await writeFile(path, text);
  const format = await describeFile(path, { format: 'conll' });
  const rows: Cell[][] = [];
  const lines: number[] = [];
  for await (const batch of readRows(path, format)) {
    rows.push(...batch.rows);
    lines.push(...batch.lines);
  }
  return { rows, lines };
}

describe('CoNLL', () => {
  it('joins the tokens of a sentence and their tags', async () => {
    const { rows, lines } = await rowsOf('Ada\tB-person\nLovelace\tI-person\n.\tO\n\nParis\tB-location\n');
    expect(rows).toEqual([
      ['Ada Lovelace .', 'B-person I-person O'],
      ['Paris', 'B-location'],
    ]);
    expect(lines).toEqual([1, 5]);
  });

  it('reads first and last of several columns, Windows line ends, documents, comments and separators of a lone TAB', async () => {
    const { rows } = await rowsOf(
      '-DOCSTART- -X- -X- O\r\n\r\nEU NNP B-NP B-ORG\r\nrejects VBZ B-VP O\r\n\t\r\n# text = 你\r\n你\tPN\tO\r\n\r\n\r\n',
    );
    expect(rows).toEqual([
      ['EU rejects', 'B-ORG O'],
      ['你', 'O'],
    ]);
  });

  it('keeps what means "missing" elsewhere, a # that has a tag, and spaces inside a token', async () => {
    const { rows } = await rowsOf('NA\tO\n\n#\tO\n10 000\tB-number\n');
    expect(rows).toEqual([
      ['NA', 'O'],
      ['# 10\u00a0000', 'O B-number'],
    ]);
  });

  it('names the line without a tag, and the empty file', async () => {
    await expect(rowsOf('a\tO\n\nb\tO\nword\n')).rejects.toMatchObject({ code: 'invalid_data', where: { line: 4 } });
    await expect(rowsOf('a\tB person\n')).rejects.toMatchObject({ code: 'invalid_data', where: { line: 1 } });
    await expect(rowsOf('\n\n')).rejects.toMatchObject({ code: 'empty_data' });
  });

  it('is recognised by the name of the file', async () => {
    const path = join(folder, 'b.conll');
    await writeFile(path, 'x\tO\n');
    expect(await describeFile(path)).toMatchObject({
      format: 'conll',
      rows: 1,
      columns: [
        { name: 'tokens', type: 'text' },
        { name: 'tags', type: 'text' },
      ],
    });
  });
});
