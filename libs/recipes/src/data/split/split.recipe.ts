import { defineRecipe } from '@strata/contracts';
import { z } from 'zod';

export default defineRecipe({
  name: 'data/split',
  version: 1,
  queue: 'train',
  title: { en: 'Split into training and test data', zh: '划分训练集与测试集' },
  summary: {
    en: 'Holds a part of the rows back, so that a model can be judged on rows it has not seen; each class keeps its share.',
    zh: '预留一部分数据行用于评估模型从未见过的样本，并保持各类别比例。',
  },
  catalog: ['data-preparation', 'supervised-split', 'data-split', 'stratified-split'],
  params: z.strictObject({
    test_size: z.number().gt(0).lt(1).default(0.2).describe('Share of the rows that go to the test part'),
    stratify: z
      .string()
      .default('')
      .describe('Column whose classes keep their share in both parts, usually the target; empty for a plain split'),
  }),
  inputs: { data: { kind: 'dataset', description: { en: 'Rows to split', zh: '待划分的数据' } } },
  outputs: {
    train: { kind: 'dataset', description: { en: 'Rows to learn from', zh: '训练部分' } },
    test: { kind: 'dataset', description: { en: 'Rows held back', zh: '测试部分' } },
    report: { kind: 'report', description: { en: 'Rows and classes of each part', zh: '各部分的行数与类别' } },
  },
  resumable: false,
  light: true,
  smoke: {
    params: { stratify: 'label', test_size: 0.25 },
    inputs: {
      data: {
        format: 'csv',
        dataset: () => 'x,label\n' + Array.from({ length: 40 }, (_, i) => `${i * 1.5},${i % 4 ? 'a' : 'b'}\n`).join(''),
      },
    },
  },
  run: () => import('./split.run.js'),
});
