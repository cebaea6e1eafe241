import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, jest } from '@jest/globals';
import type { DatasetFormat } from '@strata/contracts';
import { loadColumns, numbersOf, textsOf } from './columns.js';
import { describeFile } from './describe.js';
import { suggestTask } from './task.js';

// tens of thousands of rows on a busy machine
jest.setTimeout(60_000);

/** Public data sets with facts that their own documents state: rows, classes, missing values. */
const DATA = process.env['STRATA_DATA'] ?? join(process.cwd(), '../shared/data');
const there = existsSync(DATA);
if (!there) console.log(`skipped: no data sets at ${DATA}; set STRATA_DATA`);
const suite = there ? describe : describe.skip;

const open = async (file: string): Promise<{ path: string; format: DatasetFormat }> => {
  const path = join(DATA, file);
  return { path, format: await describeFile(path) };
};
const types = (f: DatasetFormat): string => f.columns.map((c) => c.type[0]).join('');
async function classes(path: string, format: DatasetFormat, column: string): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  const table = await loadColumns(path, format, { columns: [column], types: { [column]: 'category' } });
  for (const v of textsOf(table, column)) counts[v ?? ''] = (counts[v ?? ''] ?? 0) + 1;
  return counts;
}

suite('public data sets', () => {
  it('Adult: no header, comma and space, gzip, question marks', async () => {
    const train = await open('adult-income/adult.data.gz');
    expect(train.format).toMatchObject({ delimiter: ',', header: false, rows: 32_561 });
    expect(train.format.columns).toHaveLength(15);
    expect(types(train.format)).toBe('ncncncccccnnncc');
    expect(await classes(train.path, train.format, 'column_15')).toEqual({ '<=50K': 24_720, '>50K': 7841 });
    const test = await open('adult-income/adult.test');
    expect(test.format.rows).toBe(16_281);
    expect(await classes(test.path, test.format, 'column_15')).toEqual({ '<=50K.': 12_435, '>50K.': 3846 });
    const table = await loadColumns(test.path, test.format);
    const gaps = new Set<number>();
    for (const c of test.format.columns)
      if (c.missing > 0) for (const [i, v] of textsOf(table, c.name).entries()) if (v === null) gaps.add(i);
    expect(gaps.size).toBe(1221);
    expect(suggestTask(test.format, 'column_15')).toMatchObject({ task: 'tabular-classification', text_column: null });
    expect(suggestTask(test.format, 'column_1')).toMatchObject({ task: 'tabular-regression' });
  });

  it('California housing: numbers with blanks and one class column', async () => {
    const { path, format } = await open('california-housing/housing.csv');
    expect(format).toMatchObject({ header: true, rows: 20_640 });
    expect(types(format)).toBe('nnnnnnnnnc');
    expect(format.columns.find((c) => c.name === 'total_bedrooms')?.missing).toBe(207);
    expect(format.columns.find((c) => c.name === 'ocean_proximity')?.distinct).toBe(5);
    expect(suggestTask(format, 'median_house_value')).toMatchObject({
      task: 'tabular-regression',
      recipe: 'classical/tabular-regressor',
    });
    const rooms = numbersOf(await loadColumns(path, format), 'total_bedrooms');
    expect(rooms.filter((v) => Number.isNaN(v))).toHaveLength(207);
  });

  it('Iris and breast cancer: classes of words and of numbers, an identifier that repeats', async () => {
    const iris = await open('iris/iris.csv');
    expect(iris.format).toMatchObject({ header: true, rows: 150 });
    expect(suggestTask(iris.format, 'species')).toMatchObject({ task: 'tabular-classification' });
    const wdbc = await open('breast-cancer-wisconsin/breast-cancer-wisconsin.csv');
    expect(wdbc.format.rows).toBe(699);
    expect(types(wdbc.format)).toBe('innnnnnnnnn');
    expect(wdbc.format.columns.find((c) => c.name === 'bare_nuclei')?.missing).toBe(16);
    expect(await classes(wdbc.path, wdbc.format, 'class')).toEqual({ 2: 458, 4: 241 });
    expect(suggestTask(wdbc.format, 'class')).toMatchObject({ task: 'tabular-classification' });
  });

  it('SMS spam: tabs, no header, quotes that quote nothing', async () => {
    const { path, format } = await open('sms-spam/SMSSpamCollection.tsv');
    expect(format).toMatchObject({ delimiter: '\t', quote: '', header: false, rows: 5574 });
    expect(await classes(path, format, 'column_1')).toEqual({ ham: 4827, spam: 747 });
    expect(suggestTask(format, 'column_1')).toMatchObject({
      task: 'text-classification',
      recipe: 'language/text-classifier',
      text_column: 'column_2',
    });
  });

  it('Chinese verse and SIB-200: text in two languages, tabs, header', async () => {
    const verse = await open('zh-verse-genre/train.tsv');
    expect(verse.format).toMatchObject({ delimiter: '\t', header: true, rows: 3496 });
    expect(Object.values(await classes(verse.path, verse.format, 'genre')).sort((a, b) => b - a)).toEqual([
      1622, 1577, 243, 54,
    ]);
    expect(suggestTask(verse.format, 'genre')).toMatchObject({ text_column: 'text' });
    for (const [part, rows] of [
      ['train', 701],
      ['dev', 99],
      ['test', 204],
    ] as const)
      for (const language of ['eng_Latn', 'zho_Hans']) {
        const { format } = await open(`sib200/${language}/${part}.tsv`);
        expect(format).toMatchObject({ header: true, rows });
        expect(suggestTask(format, 'category')).toMatchObject({ task: 'text-classification', text_column: 'text' });
      }
  });

  it('JSON lines, also packed', async () => {
    expect((await open('snli-dev-test/snli_dev.jsonl')).format).toMatchObject({ format: 'jsonl', rows: 9842 });
    expect((await open('gsm8k/train.jsonl.gz')).format).toMatchObject({ format: 'jsonl', rows: 7473 });
    const { format } = await open('self-instruct-tasks/seed_tasks.jsonl');
    expect(format.rows).toBe(175);
    expect(suggestTask(format, 'is_classification')).toMatchObject({ task: 'text-classification' });
  });
});
