import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { describeFile, readRows, readText } from './index.js';

let folder = '';
beforeAll(async () => void (folder = await mkdtemp(join(tmpdir(), 'strata-text-'))));
afterAll(() => rm(folder, { recursive: true, force: true }));

const file = async (name: string, content: string | Uint8Array): Promise<string> => {
  const path = join(folder, name);
  await writeFile(path, content);
  return path;
};

describe('plain text', () => {
  const prose = '\ufeffFirst Citizen:\r\n  Speak, speak.\n\n \n你好，世界\nNA';

  it('has a row for each line that is not blank, with its line number', async () => {
    const path = await file('a.txt', prose);
    const format = await describeFile(path, { format: 'text' });
    expect(format).toMatchObject({ format: 'text', rows: 4, missing_values: [] });
    expect(format.columns).toEqual([expect.objectContaining({ name: 'text', type: 'text', missing: 0 })]);
    const rows: unknown[] = [];
    const lines: number[] = [];
    for await (const batch of readRows(path, format)) {
      rows.push(...batch.rows);
      lines.push(...batch.lines);
    }
    expect(rows).toEqual([['First Citizen:'], ['  Speak, speak.'], ['你好，世界'], ['NA']]);
    expect(lines).toEqual([1, 2, 5, 6]);
  });

  it('is read whole, unpacked and without byte order mark', async () => {
    expect(await readText(await file('a.txt.gz', gzipSync(prose)))).toBe(prose.slice(1));
  });

  it('is what a file named .txt holds, unless it is a table', async () => {
    const named = async (name: string, content: string): Promise<string> =>
      (await describeFile(await file(name, content))).format;
    expect(await named('prose.txt', 'One line, with a comma.\nAnother without.\nA third, with, two.\n')).toBe('text');
    expect(await named('words.txt', 'alpha\nbeta\n')).toBe('text');
    expect(await named('table.txt', 'a,b\n1,2\n3,4\n')).toBe('csv');
    expect(await named('rows.txt', '{"text":"x"}\n{"text":"y"}\n')).toBe('jsonl');
    expect(await named('words.csv', 'word\nalpha\nbeta\n')).toBe('csv');
  });

  it('names the line that is not UTF-8, and refuses a file without text', async () => {
    const latin = await file('latin.txt', Buffer.from('ok\nna\xefve\n', 'latin1'));
    for (const task of [describeFile(latin, { format: 'text' }), describeFile(latin), readText(latin)])
      await expect(task).rejects.toMatchObject({
        code: 'invalid_data',
        message: 'line 2 of latin.txt is not valid UTF-8. Save the file as UTF-8.',
        where: { line: 2 },
      });
    await expect(describeFile(await file('blank.txt', ' \n\n'), { format: 'text' })).rejects.toMatchObject({
      code: 'empty_data',
    });
  });
});
