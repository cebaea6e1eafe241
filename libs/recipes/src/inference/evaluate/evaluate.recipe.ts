import { defineRecipe } from '@strata/contracts';
import { z } from 'zod';

export default defineRecipe({
  name: 'inference/evaluate',
  version: 1,
  queue: 'infer',
  title: { en: 'Evaluate a model', zh: '模型评估' },
  summary: {
    en: 'Runs a model over labelled rows and reports accuracy, F1, log loss, AUC and confusion, or RMSE, MAE and R², with latency and size.',
    zh: '在带标签的数据上运行模型，报告准确率、F1、对数损失、AUC 与混淆矩阵，或 RMSE、MAE 与 R²，以及延迟与体积。',
  },
  catalog: ['evaluation', 'training-and-test', 'evaluation-metrics'],
  params: z.strictObject({
    target: z.string().default('').describe('Column with the truth; empty for the one that the model was trained on'),
    text_column: z
      .string()
      .default('')
      .describe('Column that a text model reads; empty for the one that it was trained on, or the only text'),
    batch_size: z.number().int().min(1).max(65_536).default(256).describe('Rows of one call of the model'),
    latency_rows: z
      .number()
      .int()
      .min(0)
      .max(10_000)
      .default(100)
      .describe('Calls with a single row that are timed afterwards; 0 for none'),
  }),
  inputs: {
    model: { kind: 'model', description: { en: 'Model to judge', zh: '待评估的模型' } },
    data: { kind: 'dataset', description: { en: 'Rows with the truth', zh: '带真实标签的数据' } },
  },
  outputs: { report: { kind: 'report', description: { en: 'All figures', zh: '全部指标' } } },
  resumable: false,
  smoke: {
    params: { latency_rows: 3, batch_size: 16 },
    inputs: {
      model: { model: 'classical/tabular-classifier' },
      data: { from: 'classical/tabular-classifier', input: 'train' },
    },
  },
  run: () => import('./evaluate.run.js'),
});
