import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { strToU8, zipSync } from 'fflate';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { StrataError } from '@strata/kernel';
import { loadColumns, numbersOf, textsOf } from './columns.js';
import { describeFile, type DescribeOptions } from './describe.js';
import { readRows } from './rows.js';

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'strata-data-'));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

let count = 0;
async function file(content: string | Uint8Array, extension = 'csv'): Promise<string> {
  const path = join(dir, `f${count++}.${extension}`);
  await writeFile(path, content);
  return path;
}
const of = async (content: string | Uint8Array, options?: DescribeOptions) =>
  describeFile(await file(content), options);
async function failure(content: string | Uint8Array, options: DescribeOptions = {}): Promise<StrataError> {
  const path = await file(content);
  return describeFile(path, { name: 'my.csv', ...options }).then(
    () => Promise.reject(new Error('should have failed')),
    (e: StrataError) => e,
  );
}
async function cells(content: string, options?: DescribeOptions): Promise<(string | null)[][]> {
  const path = await file(content);
  const rows = [];
  for await (const batch of readRows(path, await describeFile(path, options))) rows.push(...batch.rows);
  return rows;
}
const repeat = (n: number, line: (i: number) => string): string =>
  Array.from({ length: n }, (_, i) => line(i)).join('\n');

describe('delimiter, header and quoting', () => {
  it.each([
    [',', 'a,b\n1,2\n3,4\n'],
    ['\t', 'a\tb\n1\t2\n3\t4\n'],
    [';', 'a;b\n1,5;2\n3,5;4\n'],
    ['|', 'a|b\n1|2\n3|4\n'],
  ])('finds %j', async (delimiter, text) => {
    const format = await of(text);
    expect(format).toMatchObject({ delimiter, header: true, rows: 2 });
    expect(format.columns.map((c) => c.name)).toEqual(['a', 'b']);
  });

  it('takes a file without a header for what it is, and names its columns', async () => {
    const format = await of('39, State-gov, >50K\n50, Private, <=50K\n');
    expect(format).toMatchObject({ header: false, rows: 2 });
    expect(format.columns.map((c) => c.name)).toEqual(['column_1', 'column_2', 'column_3']);
    expect(format.columns[2]?.examples).toEqual(['>50K', '<=50K']);
  });

  it('a class in the first line that comes again is no header; short names above long texts are one', async () => {
    expect((await of('ham\tHello there my friend\nspam\tWin a prize now\nham\tSee you\n')).header).toBe(false);
    expect((await of('label\ttext\nham\tHello there my friend\nspam\tWin a prize now\n')).header).toBe(true);
  });

  it('names given by the caller mean that there is no header', async () => {
    const format = await of('x,y\nu,v\n', { columns: ['first', 'second'] });
    expect(format).toMatchObject({ header: false, rows: 2 });
    expect(format.columns.map((c) => c.name)).toEqual(['first', 'second']);
    expect((await failure('x,y\nu,v\n', { columns: ['one'] })).message).toMatch(
      /line 1 has 2 fields, and 1 column names/,
    );
  });

  it('reads byte order marks, CRLF, lone CR, blank lines, spaces after delimiters', async () => {
    expect(await cells('\ufeffa,b\r\n1, x\r\n\r\n2,y z \r\n')).toEqual([
      ['1', 'x'],
      ['2', 'y z'],
    ]);
    expect(await cells('a,b\r1,x\r2,y\r')).toEqual([
      ['1', 'x'],
      ['2', 'y'],
    ]);
  });

  it('keeps delimiters, quotes, newlines and spaces inside quotes, and counts their lines', async () => {
    const path = await file('a,b\n1,"x, ""y""\nz "\n2,w\n');
    const format = await describeFile(path);
    for await (const batch of readRows(path, format)) {
      expect(batch.rows).toEqual([
        ['1', 'x, "y"\nz '],
        ['2', 'w'],
      ]);
      expect(batch.lines).toEqual([2, 4]);
    }
  });

  it('quotes are plain characters where they quote nothing, also when that shows late in the file', async () => {
    const early = await of('ham\t"Wen u miss" gdeve\nspam\twin\nham\tso "what"\n');
    expect(early).toMatchObject({ quote: '', delimiter: '\t', rows: 3 });
    const late = await of(`${repeat(2000, (i) => `ham\tnumber ${i}`)}\nspam\t"never closed\nham\tlast\n`);
    expect(late).toMatchObject({ quote: '', rows: 2002 });
  });

  it('reads one column and gzip', async () => {
    expect(await of('x\n1\n2\n')).toMatchObject({ rows: 2, columns: [{ name: 'x', type: 'number' }] });
    expect(await of(gzipSync('a,b\n1,2\n'))).toMatchObject({ rows: 1, delimiter: ',' });
  });
});

describe('column types', () => {
  const type = async (values: readonly string[], name = 'value'): Promise<string | undefined> =>
    (await of(`${name},z\n${values.map((v) => `${v},1`).join('\n')}\n`, { header: true })).columns[0]?.type;
  const many = <T>(n: number, f: (i: number) => T): T[] => Array.from({ length: n }, (_, i) => f(i));

  it('number, category, boolean, text, id, empty', async () => {
    expect(await type(['1', '-2.5', '1e3', '?', '.5'])).toBe('number');
    expect(await type(['red', 'blue', 'red', ''])).toBe('category');
    expect(await type(['Yes', 'no', 'YES'])).toBe('boolean');
    expect(await type(many(30, (i) => `the quick brown fox jumps ${i} times`))).toBe('text');
    expect(await type(many(30, (i) => `第${i}句话说的是开源社区的活动`))).toBe('text');
    expect(await type(many(30, (i) => `u-${i}x`))).toBe('id');
    expect(await type(many(30, (i) => String(5000 + i)))).toBe('id');
    expect(await type(['', 'NA', '?'])).toBe('empty');
  });
  it('whole numbers are identifiers by name or by counting up, not merely by being different', async () => {
    const different = many(30, (i) => String((i * 7919) % 10007));
    expect(await type(different)).toBe('number');
    expect(await type(different, 'customer_id')).toBe('id');
    expect(await type(different, 'humid')).toBe('number');
  });
  it('codes with leading zeros, hexadecimal and words are no numbers', async () => {
    expect(await type(['00123', '00456', '00123'])).toBe('category');
    expect(await type(['0x10', '0x11', '0x10'])).toBe('category');
    expect(await type(['Infinity', '1', '2'])).toBe('category');
  });
  it('gives statistics by hand', async () => {
    const { columns } = await of('a,b\n1,x\n2,?\n6,x\n,y\n');
    expect(columns[0]).toEqual({
      name: 'a',
      type: 'number',
      missing: 1,
      distinct: 3,
      examples: ['1', '2', '6'],
      min: 1,
      max: 6,
      mean: 3,
    });
    expect(columns[1]).toEqual({ name: 'b', type: 'category', missing: 1, distinct: 2, examples: ['x', 'y'] });
  });
  it('one marker in a column of numbers becomes a missing value', async () => {
    const format = await of('a,b\n1,x\n-,x\n3,y\n');
    expect(format.missing_values).toContain('-');
    expect(format.columns[0]).toMatchObject({ type: 'number', missing: 1, mean: 2 });
  });
  it('keeps what the caller declares', async () => {
    expect((await of('a,b\n1,x\n2,y\n', { types: { a: 'category' } })).columns[0]?.type).toBe('category');
  });
});

describe('broken files', () => {
  it('names line and column of a short line, and the line of a long one', async () => {
    const lines = ['a,b,c,d,e,f', ...Array.from({ length: 15 }, () => '1,2,3,4,5,6')];
    const short = await failure([...lines, '1,2,3,4,5', '1,2,3,4,5,6'].join('\n'));
    expect(short).toMatchObject({ code: 'invalid_data', where: { line: 17, column: 'f', file: 'my.csv' } });
    expect(short.message).toMatch(/^line 17 has 5 fields, expected 6/);
    const long = await failure([...lines, '1,2,3,4,5,6,7'].join('\n'));
    expect(long.message).toMatch(/^line 17 has 7 fields, expected 6/);
  });
  it('counts lines through quoted newlines', async () => {
    expect((await failure('a,b\n1,"x\ny\nz"\n2\n')).where).toEqual({ file: 'my.csv', line: 5, column: 'b' });
  });
  it('names the line where a quote opens and never closes, or stands inside a field', async () => {
    const open = await failure('a,b\n1,x\n2,"y, z\n3,w\n4,v\n');
    expect(open.code).toBe('invalid_data');
    expect(open.where?.line).toBe(3);
    expect((await failure('a,b\n1,"x"\n2,"y" z, "w"\n')).where?.line).toBe(3);
  });
  it('names line and column of a word among numbers, declared or evident', async () => {
    const rows = repeat(100, (i) => `${i * 3},x`);
    const evident = await failure(`a,b\n${rows}\noops,y\n`);
    expect(evident).toMatchObject({ code: 'invalid_data', where: { line: 102, column: 'a' } });
    const declared = await failure('a,b\nlow,1\n2,2\n', { types: { a: 'number' } });
    expect(declared).toMatchObject({ code: 'invalid_data', where: { line: 2, column: 'a' } });
    expect(declared.message).toMatch(/"low" is not a number/);
  });
  it('refuses two columns of one name and a type for none', async () => {
    expect((await failure('a,b,a\n1,2,3\n', { header: true })).message).toMatch(/two columns "a"/);
    expect(await failure('a,b\n1,2\n', { types: { c: 'number' } })).toMatchObject({ code: 'unknown_column' });
  });
  it('refuses empty files and files with a header only', async () => {
    expect((await failure('')).code).toBe('empty_data');
    expect((await failure('\n\n')).code).toBe('empty_data');
    expect((await failure('a,b\n', { header: true })).code).toBe('empty_data');
  });
  it.each([
    ['zero bytes', Buffer.from('a,b\n1,\0\n'), /binary/],
    [
      'a workbook',
      zipSync({ '[Content_Types].xml': strToU8('<Types/>'), 'xl/workbook.xml': strToU8('<w/>') }),
      /Excel/,
    ],
    ['a cut-off archive', Buffer.from('PK\x03\x04rest', 'latin1'), /not a ZIP archive that can be read/],
    ['UTF-16', Buffer.from('\ufeffa,b\n', 'utf16le'), /UTF-16/],
    ['a picture', Buffer.from('\x89PNG\r\n', 'latin1'), /picture/],
    [
      'a damaged gzip',
      gzipSync(`a,b\n${repeat(300, (i) => `${(i * 7919) % 1009},${i}`)}`).subarray(0, 200),
      /damaged gzip/,
    ],
  ])('refuses %s', async (_, bytes, message) => {
    const e = await failure(bytes);
    expect(e.code).toBe('invalid_data');
    expect(e.message).toMatch(message);
  });
  it('names the line that is not UTF-8, also beyond the first chunk', async () => {
    const latin = Buffer.concat([Buffer.from('a,b\n1,x\n2,caf'), Buffer.from([0xe9]), Buffer.from('\n')]);
    expect((await failure(latin)).message).toMatch(/line 3 of my.csv is not valid UTF-8/);
    const far = Buffer.concat([Buffer.from('a,b\n' + '1,中文\n'.repeat(60_000) + '1,'), Buffer.from([0xff, 0x0a])]);
    expect((await failure(far)).where?.line).toBe(60_002);
  });
  it('says so when there is no file', async () => {
    await expect(describeFile(join(dir, 'absent.csv'))).rejects.toMatchObject({ code: 'not_found' });
  });
});

describe('JSON lines', () => {
  it('takes the union of keys, null and absent as missing, nested values as JSON', async () => {
    const path = await file('{"a":1,"t":"one two three four"}\n\n{"a":null,"b":{"x":[1]},"t":"five six"}\n', 'jsonl');
    const format = await describeFile(path);
    expect(format).toMatchObject({ format: 'jsonl', rows: 2 });
    expect(format.columns.map((c) => [c.name, c.missing])).toEqual([
      ['a', 1],
      ['t', 0],
      ['b', 1],
    ]);
    const table = await loadColumns(path, format);
    expect(textsOf(table, 'b')).toEqual([null, '{"x":[1]}']);
    expect([...table.lines]).toEqual([1, 3]);
  });
  it('names the broken line', async () => {
    expect(await failure('{"a":1}\n{"a":\n', { format: 'jsonl' })).toMatchObject({
      code: 'invalid_data',
      where: { line: 2 },
    });
    expect((await failure('{"a":1}\n[1]\n', { format: 'jsonl' })).message).toMatch(/line 2 .* not a JSON object/);
  });
});

describe('columnar loading', () => {
  it('numbers with NaN for missing, texts with null, as asked', async () => {
    const path = await file('a,b,c\n1.5,x,7\n?,,8\n-3,y,9\n');
    const format = await describeFile(path);
    const table = await loadColumns(path, format);
    expect(numbersOf(table, 'a')).toEqual(Float32Array.of(1.5, NaN, -3));
    expect(textsOf(table, 'b')).toEqual(['x', null, 'y']);
    expect([...table.lines]).toEqual([2, 3, 4]);
    const wide = await loadColumns(path, format, { columns: ['c'], precision: 'float64' });
    expect([...wide.columns.keys()]).toEqual(['c']);
    expect(numbersOf(wide, 'c')).toEqual(Float64Array.of(7, 8, 9));
    const asClass = await loadColumns(path, format, { types: { c: 'category' } });
    expect(textsOf(asClass, 'c')).toEqual(['7', '8', '9']);
  });
  it('lists the columns when one is unknown, and names the cell that is no number', async () => {
    const path = await file('a,b\n1,x\n2,y\n');
    const format = await describeFile(path);
    await expect(loadColumns(path, format, { columns: ['z'] })).rejects.toMatchObject({
      code: 'unknown_column',
      message: 'the data has no column "z". Its columns: "a", "b".',
    });
    await expect(loadColumns(path, format, { types: { b: 'number' } })).rejects.toMatchObject({
      where: { line: 2, column: 'b' },
    });
    const table = await loadColumns(path, format);
    expect(() => numbersOf(table, 'b')).toThrow(/holds text/);
    expect(() => numbersOf(table, 'q')).toThrow(/no column "q"/);
  });
  it('ends when it is cancelled', async () => {
    const path = await file('a,b\n1,x\n2,y\n');
    const format = await describeFile(path);
    await expect(loadColumns(path, format, { signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: 'job_cancelled',
    });
  });
});
