import { ColumnType, defineRecipe } from '@strata/contracts';
import { z } from 'zod';

/** Numbers with gaps and one far value, labels with and without a full stop, a repeated row: something of each kind to clean. */
function smokeRows(): string {
  const lines = ['age,city,income'];
  for (let i = 0; i < 60; i++) {
    const age = i % 11 === 3 ? '' : i === 17 ? 900 : 20 + (i % 40);
    lines.push(`${age},${['Paris', 'Lima', '北京', ''][i % 4]},${i % 3 ? '<=50K' : '>50K'}${i % 2 ? '.' : ''}`);
  }
  return [...lines, lines[1], ''].join('\n');
}

export default defineRecipe({
  name: 'data/clean',
  version: 1,
  queue: 'train',
  title: { en: 'Clean data', zh: '数据清洗' },
  summary: {
    en: 'Repairs missing values, outliers, repeated rows and ill-typed cells of a table, and reports exactly what was changed in each column.',
    zh: '处理表格中的缺失值、异常值、重复行与类型错误，并按列报告所做的每一处修改。',
  },
  catalog: ['data-cleaning', 'data-preparation', 'missing-value-imputation', 'outlier-rules', 'data-deduplication'],
  params: z.strictObject({
    target: z
      .string()
      .default('')
      .describe('Column to be predicted: never filled or clipped; rows without it are dropped; empty for none'),
    missing: z
      .enum(['keep', 'drop', 'mean', 'median', 'most_frequent', 'constant'])
      .default('median')
      .describe(
        'What becomes of missing values. mean and median are for numbers; classes then take their most frequent value. Free text is only filled by constant',
      ),
    fill_value: z.string().default('').describe('The value that missing=constant puts in; a number for number columns'),
    outliers: z.enum(['none', 'iqr', 'zscore']).default('none').describe('How far values of number columns are found'),
    outlier_action: z
      .enum(['clip', 'drop'])
      .default('clip')
      .describe('Move an outlier to the nearest allowed value, or drop its row'),
    iqr_factor: z.number().gt(0).default(1.5).describe('Inter-quartile ranges beyond the quartiles that are allowed'),
    z_threshold: z.number().gt(0).default(3).describe('Standard deviations from the mean that are allowed'),
    drop_duplicates: z.boolean().default(true).describe('Keep only the first of equal rows'),
    subset: z.array(z.string()).default([]).describe('Columns that make rows equal; empty for all'),
    strip_full_stops: z
      .boolean()
      .default(true)
      .describe(
        'Remove the full stop at the end of a class name, when the name without it is a class too or all names have one',
      ),
    types: z
      .record(z.string(), ColumnType)
      .default({})
      .describe('Columns to read as another type; a cell that is no number then counts as missing'),
    drop_columns: z.array(z.string()).default([]).describe('Columns to leave out; empty ones always are'),
  }),
  inputs: { data: { kind: 'dataset', description: { en: 'Table to clean', zh: '待清洗的表格' } } },
  outputs: {
    data: { kind: 'dataset', description: { en: 'The cleaned table', zh: '清洗后的表格' } },
    report: { kind: 'report', description: { en: 'What was changed, by column', zh: '按列列出的修改' } },
  },
  resumable: false,
  light: true,
  smoke: {
    params: { target: 'income', outliers: 'iqr' },
    inputs: { data: { format: 'csv', dataset: smokeRows, target: 'income' } },
  },
  run: () => import('./clean.run.js'),
});
