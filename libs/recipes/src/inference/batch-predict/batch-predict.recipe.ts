import { defineRecipe } from '@strata/contracts';
import { z } from 'zod';

export default defineRecipe({
  name: 'inference/batch-predict',
  version: 1,
  queue: 'infer',
  title: { en: 'Predict a whole dataset', zh: '批量预测' },
  summary: {
    en: 'Runs a model over every row of a dataset and writes the rows again with the predictions appended.',
    zh: '对数据集的每一行运行模型，并在原有各列之后追加预测结果。',
  },
  catalog: ['batch-inference', 'launch-and-deployment'],
  params: z.strictObject({
    text_column: z
      .string()
      .default('')
      .describe('Column that a text model reads; empty for the one that it was trained on, or the only text'),
    prediction_column: z.string().min(1).default('prediction').describe('Name of the column that is appended'),
    probabilities: z
      .boolean()
      .default(false)
      .describe('Append the probability of every class too, not only that of the predicted one'),
    batch_size: z.number().int().min(1).max(65_536).default(256).describe('Rows of one call of the model'),
  }),
  inputs: {
    model: { kind: 'model', description: { en: 'Model to run', zh: '用于预测的模型' } },
    data: { kind: 'dataset', description: { en: 'Rows to predict', zh: '待预测的数据' } },
  },
  outputs: {
    data: { kind: 'dataset', description: { en: 'The rows with predictions', zh: '附带预测结果的数据' } },
    report: { kind: 'report', description: { en: 'Counts and speed', zh: '统计与速度' } },
  },
  resumable: false,
  smoke: {
    params: { probabilities: true, batch_size: 16 },
    inputs: {
      model: { model: 'classical/tabular-classifier' },
      data: { from: 'classical/tabular-classifier', input: 'train' },
    },
  },
  run: () => import('./batch-predict.run.js'),
});
