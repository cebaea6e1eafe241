import { readFile, rm } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { datasetFromText, localFolder, runLocally } from '../../testing/local-context.js';
import recipe from './clean.recipe.js';
import { fullStopRule, mostFrequent, numberFacts, outlierBounds, quantile } from './survey.js';
import type { RecipeDefinition } from '@strata/contracts';

let dir: string;
beforeAll(async () => {
  dir = await localFolder();
});
afterAll(() => rm(dir, { recursive: true, force: true }));

interface ColumnReport {
  name: string;
  type: string;
  missing: number;
  filled: number;
  filled_with: string | null;
  outliers: number;
  allowed: { lower: number; upper: number } | null;
  full_stops_removed: number;
  invalid_numbers: number;
  trimmed: number;
}
interface Report {
  rows_in: number;
  rows_out: number;
  dropped: Record<string, number>;
  columns_left_out: { name: string; reason: string }[];
  columns: ColumnReport[];
}

async function clean(text: string, params: Record<string, unknown> = {}): Promise<{ lines: string[]; report: Report }> {
  const data = await datasetFromText(dir, text);
  const run = await runLocally(recipe as RecipeDefinition, params, { dir, inputs: { data } });
  const output = run.outputs.get('data');
  const report = run.outputs.get('report');
  if (output?.kind !== 'dataset' || report?.kind !== 'report') throw new Error('outputs are missing');
  return {
    lines: (await readFile(output.path, 'utf8')).trimEnd().split('\n'),
    report: report.report as unknown as Report,
  };
}
const column = (r: Report, name: string): ColumnReport => {
  const found = r.columns.find((c) => c.name === name);
  if (!found) throw new Error(`no column ${name}`);
  return found;
};

describe('missing values', () => {
  const text = 'n,c\n1,x\n,x\n10,y\n4,?\n';
  it.each([
    // the median of 1, 4, 10 is 4, their mean 5
    ['median', ['1,x', '4,x', '10,y', '4,x']],
    ['mean', ['1,x', '5,x', '10,y', '4,x']],
    // all numbers are equally frequent: the smallest
    ['most_frequent', ['1,x', '1,x', '10,y', '4,x']],
    ['drop', ['1,x', '10,y']],
    ['keep', ['1,x', ',x', '10,y', '4,']],
  ])('%s', async (missing, rows) => {
    expect((await clean(text, { missing })).lines).toEqual(['n,c', ...rows]);
  });
  it('constant, a number for numbers', async () => {
    expect((await clean(text, { missing: 'constant', fill_value: '-1' })).lines[2]).toBe('-1,x');
    await expect(clean(text, { missing: 'constant', fill_value: 'none' })).rejects.toMatchObject({
      code: 'invalid_parameter',
      where: { field: 'params.fill_value', column: 'n' },
    });
  });
  it('reports what was filled with what', async () => {
    const { report } = await clean(text);
    expect(column(report, 'n')).toMatchObject({ missing: 1, filled: 1, filled_with: '4' });
    expect(column(report, 'c')).toMatchObject({ missing: 1, filled: 1, filled_with: 'x' });
  });
  it('never fills the target: its rows go', async () => {
    const { lines, report } = await clean(text, { target: 'c' });
    // the row with 4 is gone: the median of 1 and 10
    expect(lines).toEqual(['n,c', '1,x', '5.5,x', '10,y']);
    expect(report.dropped).toMatchObject({ missing_target: 1 });
  });
});

describe('outliers', () => {
  // quartiles of 1..9 and 100 (numpy): 3.25 and 7.75, so 1.5 ranges beyond are -3.5 and 14.5
  const text = `v,w\n${[1, 2, 3, 4, 5, 6, 7, 8, 9, 100].map((v) => `${v},7`).join('\n')}\n`;
  it('clips to the bounds of Tukey', async () => {
    const { lines, report } = await clean(text, { outliers: 'iqr', drop_duplicates: false });
    expect(lines.at(-1)).toBe('14.5,7');
    expect(column(report, 'v')).toMatchObject({ outliers: 1, allowed: { lower: -3.5, upper: 14.5 } });
    // a column that does not spread has no outliers
    expect(column(report, 'w').allowed).toBeNull();
  });
  it('drops rows beyond deviations from the mean', async () => {
    // mean 14.5, population deviation 28.605…: 100 lies 2.989 deviations away
    expect((await clean(text, { outliers: 'zscore', z_threshold: 2.98, outlier_action: 'drop' })).lines).toHaveLength(
      10,
    );
    expect((await clean(text, { outliers: 'zscore', z_threshold: 2.99, outlier_action: 'drop' })).lines).toHaveLength(
      11,
    );
  });
  it('leaves the target alone', async () => {
    expect((await clean(text, { outliers: 'iqr', target: 'v' })).lines.at(-1)).toBe('100,7');
  });
});

describe('rows and types', () => {
  it('keeps the first of equal rows, all columns or some', async () => {
    const text = 'a,b\n1,x\n1,y\n1,x\n2,x\n';
    expect((await clean(text)).lines).toEqual(['a,b', '1,x', '1,y', '2,x']);
    expect((await clean(text, { subset: ['a'] })).lines).toEqual(['a,b', '1,x', '2,x']);
    expect((await clean(text, { drop_duplicates: false })).lines).toHaveLength(5);
  });
  it('removes full stops where the plain class exists, or where every class has one', async () => {
    const some = await clean('n,y\n1,>50K.\n2,<=50K\n3,>50K\n4,<=50K.\n5,U.S.\n');
    expect(some.lines.slice(1)).toEqual(['1,>50K', '2,<=50K', '3,>50K', '4,<=50K', '5,U.S.']);
    expect(column(some.report, 'y').full_stops_removed).toBe(2);
    expect((await clean('n,y\n1,a.\n2,b.\n3,a.\n')).lines.slice(1)).toEqual(['1,a', '2,b', '3,a']);
    expect((await clean('n,y\n1,Dr.\n2,b\n3,Dr.\n')).lines.slice(1)).toEqual(['1,Dr.', '2,b', '3,Dr.']);
    expect((await clean('n,y\n1,a.\n2,b.\n3,a.\n', { strip_full_stops: false })).lines[1]).toBe('1,a.');
  });
  it('reads a column as numbers, words becoming missing', async () => {
    const { lines, report } = await clean('a,b\n1,x\nlow,y\n3,z\n', { types: { a: 'number' } });
    expect(lines).toEqual(['a,b', '1,x', '2,y', '3,z']);
    expect(column(report, 'a')).toMatchObject({ type: 'number', invalid_numbers: 1, filled_with: '2' });
  });
  it('trims inside quotes, leaves out columns that are empty or unwanted', async () => {
    const { lines, report } = await clean('a,b,c,d\n1," x ",,q\n2,y,,q\n3,x,,q\n', { drop_columns: ['d'] });
    expect(lines).toEqual(['a,b', '1,x', '2,y', '3,x']);
    expect(column(report, 'b').trimmed).toBe(1);
    expect(report.columns_left_out).toEqual([
      { name: 'c', reason: 'empty' },
      { name: 'd', reason: 'drop_columns' },
    ]);
  });
  it('names the column that is not there, and says when nothing is left', async () => {
    await expect(clean('a,b\n1,x\n', { target: 'z' })).rejects.toMatchObject({
      code: 'unknown_column',
      where: { field: 'params.target' },
    });
    await expect(clean('a,b\n1,x\n', { drop_columns: ['a', 'b'] })).rejects.toMatchObject({
      code: 'invalid_parameter',
    });
    await expect(clean('a,b\n1,\n,x\n', { missing: 'drop' })).rejects.toMatchObject({ code: 'empty_data' });
  });
});

describe('statistics', () => {
  it('quantiles as numpy', () => {
    const v = Float64Array.of(1, 2, 3, 4);
    expect([0, 0.25, 0.5, 1].map((q) => quantile(v, q))).toEqual([1, 1.75, 2.5, 4]);
    expect(quantile(Float64Array.of(7), 0.3)).toBe(7);
  });
  it('bounds need a spread', () => {
    expect(outlierBounds(numberFacts(Float64Array.of(2, 2, 2)), 'zscore', 3)).toBeUndefined();
    expect(outlierBounds(numberFacts(Float64Array.of()), 'iqr', 1.5)).toBeUndefined();
    // mean 2, deviation 1
    expect(outlierBounds(numberFacts(Float64Array.of(3, 1)), 'zscore', 2)).toEqual({ lower: 0, upper: 4 });
  });
  it('the most frequent, the first of equals whatever the order', () => {
    expect(mostFrequent(new Map([['b', 2], ['a', 2], ['c', 1]]))).toBe('a'); // prettier-ignore
    expect(mostFrequent(new Map())).toBeUndefined();
  });
  it('full stops of a single class or of sentences are kept', () => {
    expect(fullStopRule(new Map([['a.', 3]])).size).toBe(0);
    expect(fullStopRule(new Map([['...', 1], ['..', 1]])).size).toBe(0); // prettier-ignore
  });
});
