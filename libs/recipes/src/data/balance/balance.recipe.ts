import { defineRecipe } from '@strata/contracts';
import { z } from 'zod';

export default defineRecipe({
  name: 'data/balance',
  version: 1,
  queue: 'train',
  title: { en: 'Balance classes', zh: '类别均衡采样' },
  summary: {
    en: 'Repeats rows of rare classes or leaves out rows of frequent ones, and reports weights that have the same effect on a loss.',
    zh: '重复少数类样本或抽减多数类样本使类别均衡，并给出等效的损失权重。',
  },
  catalog: ['data-sampling', 'data-preparation', 'random-oversampling', 'random-undersampling', 'class-weighting'],
  params: z.strictObject({
    target: z.string().min(1).describe('Column that holds the class'),
    method: z
      .enum(['oversample', 'undersample', 'weights'])
      .default('oversample')
      .describe('Repeat rows of rare classes, leave out rows of frequent ones, or change nothing and report weights'),
    sampling_strategy: z
      .number()
      .gt(0)
      .max(1)
      .default(1)
      .describe('Rows of the rarest class over rows of the most frequent one afterwards, at least; 1 makes all equal'),
  }),
  inputs: { data: { kind: 'dataset', description: { en: 'Rows to balance', zh: '待均衡的数据' } } },
  outputs: {
    data: { kind: 'dataset', description: { en: 'Balanced rows', zh: '均衡后的数据' } },
    report: {
      kind: 'report',
      description: { en: 'Classes before and after, and their weights', zh: '均衡前后的类别数量与权重' },
    },
  },
  resumable: false,
  light: true,
  smoke: {
    params: { target: 'label' },
    inputs: {
      data: {
        format: 'csv',
        dataset: () => 'x,label\n' + Array.from({ length: 50 }, (_, i) => `${i},${i % 5 ? 'many' : 'few'}\n`).join(''),
        target: 'label',
      },
    },
  },
  run: () => import('./balance.run.js'),
});
