import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createRng } from '@strata/kernel';
import { describeFile } from './describe.js';
import { readRows } from './rows.js';
import { csvWriter, writeCsv } from './write.js';

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'strata-write-'));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

async function back(path: string): Promise<(string | null)[][]> {
  const rows = [];
  for await (const b of readRows(path, await describeFile(path, { format: 'csv', delimiter: ',', header: true })))
    rows.push(...b.rows);
  return rows;
}

describe('writeCsv', () => {
  it('quotes as RFC 4180 asks', async () => {
    const path = join(dir, 'a.csv');
    await writeCsv(
      path,
      ['a', 'b,c'],
      [
        ['x "y"', 'p\nq'],
        [1.5, null],
        [NaN, true],
      ],
    );
    expect(await readFile(path, 'utf8')).toBe('a,"b,c"\n"x ""y""","p\nq"\n1.5,\n,true\n');
  });
  it('what is written is read again, text for text', async () => {
    const path = join(dir, 'b.csv');
    const rows = [
      ['  spaced ', '中文，标点', "it's"],
      ['tab\there', '"', ',,'],
      ['a\r\nb', 'ends with newline\n', '😀'],
      ['\u00a0nbsp', 'x', 'y'],
    ];
    await writeCsv(path, ['p', 'q', 'r'], rows);
    expect(await back(path)).toEqual(rows);
  });
  it('so are five thousand random rows of awkward characters', async () => {
    const rng = createRng(99);
    const alphabet = [',', '"', '\n', '\r\n', '\t', ' ', 'a', '中', '😀', '\u00a0', ';', "'", '\\'];
    const cell = (): string =>
      'x' + Array.from({ length: rng.int(6) }, () => alphabet[rng.int(alphabet.length)]).join('');
    const rows = Array.from({ length: 5000 }, () => [cell(), cell(), cell()]);
    const path = join(dir, 'random.csv');
    await writeCsv(path, ['p', 'q', 'r'], rows);
    expect(await back(path)).toEqual(rows);
  });
  it('a single empty cell stays a row', async () => {
    const path = join(dir, 'c.csv');
    expect(await writeCsv(path, ['only'], [['x'], [null], ['y']])).toBe(3);
    expect(await back(path)).toEqual([['x'], [null], ['y']]);
  });
  it('fails when the file cannot be written', async () => {
    const writer = csvWriter(join(dir, 'absent', 'd.csv'), ['a']);
    await writer.write(['x']);
    await expect(writer.close()).rejects.toThrow(/ENOENT/);
  });
});
