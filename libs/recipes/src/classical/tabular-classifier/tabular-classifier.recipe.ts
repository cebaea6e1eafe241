import { defineRecipe } from '@strata/contracts';
import { CLASSIFIER_OUTPUTS, ROWS, judgedInputs } from '../../shared/recipe-parts.js';
import { classifierParams } from '../tabular/params.js';

/** Two numbers, a name with a gap and an unknown-to-be: the class depends on all of them. */
function smokeRows(): string {
  const lines = ['height,weight,colour,kind'];
  for (let i = 0; i < 120; i++) {
    const height = (i * 37) % 100;
    const weight = (i * 53) % 90;
    const colour = ['red', 'green', '蓝', ''][i % 4];
    lines.push(`${i % 13 === 5 ? '' : height},${weight},${colour},${height + (i % 4) * 20 > 70 ? 'tall' : 'small'}`);
  }
  return lines.join('\n') + '\n';
}

export default defineRecipe({
  name: 'classical/tabular-classifier',
  version: 1,
  queue: 'train',
  title: { en: 'Tabular classifier', zh: '表格分类器' },
  summary: {
    en: 'Trains a neural network on a table of numbers and names to tell classes apart. The exported model takes raw values: filling gaps, scaling and encoding happen inside it.',
    zh: '在由数值列与类别列组成的表格上训练神经网络分类器。导出的模型直接接收原始值：缺失填补、缩放与编码都在模型内部完成。',
  },
  catalog: [
    'tabular-classification',
    'dnn',
    'supervised-learning',
    'classification',
    'stochastic-gradient-descent',
    'adam',
    'dropout',
    'weight-decay',
    'cross-validation',
  ],
  params: classifierParams,
  inputs: {
    train: { kind: 'dataset', description: { en: 'Rows to learn from', zh: '训练数据' } },
    ...judgedInputs(ROWS),
  },
  outputs: CLASSIFIER_OUTPUTS,
  resumable: true,
  smoke: {
    params: { target: 'kind', hidden_layer_sizes: [16], max_iter: 8, batch_size: 16, n_bins: 8 },
    inputs: { train: { format: 'csv', dataset: smokeRows, target: 'kind' } },
    falls: 'train_loss',
  },
  reference: {
    metric: 'test_accuracy',
    value: 0.8581,
    tolerance: 0.005,
    data: 'adult-income, its own test file',
    command: 'npm test -- -p @strata/recipes',
    date: '2026-11-23',
    hardware: '2 shared x86-64 cores, CPU',
    commit: '2eac113',
  },
  run: () => import('./tabular-classifier.run.js'),
});
