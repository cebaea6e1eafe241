import { defineRecipe } from '@strata/contracts';
import { ROWS, judgedInputs } from '../../shared/recipe-parts.js';
import { regressorParams } from '../tabular/params.js';

/** A price that rises with size, falls with age and depends on the place; some ages are missing. */
function smokeRows(): string {
  const lines = ['size,age,place,price'];
  for (let i = 0; i < 120; i++) {
    const size = 20 + ((i * 37) % 100);
    const age = (i * 53) % 60;
    const place = ['centre', 'north', '东'][i % 3];
    lines.push(`${size},${i % 11 === 4 ? '' : age},${place},${1000 * size - 300 * age + 9000 * (i % 3)}`);
  }
  return lines.join('\n') + '\n';
}

export default defineRecipe({
  name: 'classical/tabular-regressor',
  version: 1,
  queue: 'train',
  title: { en: 'Tabular regressor', zh: '表格回归器' },
  summary: {
    en: 'Trains a neural network on a table of numbers and names to predict a quantity. The exported model takes raw values: filling gaps, scaling and encoding happen inside it.',
    zh: '在由数值列与类别列组成的表格上训练神经网络，预测一个数量。导出的模型直接接收原始值：缺失填补、缩放与编码都在模型内部完成。',
  },
  catalog: [
    'tabular-regression',
    'dnn',
    'supervised-learning',
    'stochastic-gradient-descent',
    'adam',
    'dropout',
    'weight-decay',
    'cross-validation',
  ],
  params: regressorParams,
  inputs: {
    train: { kind: 'dataset', description: { en: 'Rows to learn from', zh: '训练数据' } },
    ...judgedInputs(ROWS),
  },
  outputs: {
    model: { kind: 'model', description: { en: 'The regressor', zh: '回归模型' } },
    report: { kind: 'report', description: { en: 'Metrics and course of the training', zh: '指标与训练过程' } },
  },
  resumable: true,
  smoke: {
    params: { target: 'price', hidden_layer_sizes: [16], max_iter: 8, batch_size: 16, n_bins: 8 },
    inputs: { train: { format: 'csv', dataset: smokeRows, target: 'price' } },
    falls: 'train_loss',
  },
  reference: {
    metric: 'test_rmse',
    value: 48_783,
    tolerance: 2_000,
    data: 'california-housing, a held-out fifth',
    command: 'npm test -- -p @strata/recipes',
    date: '2026-11-23',
    hardware: '2 shared x86-64 cores, CPU',
    commit: '2eac113',
  },
  run: () => import('./tabular-regressor.run.js'),
});
