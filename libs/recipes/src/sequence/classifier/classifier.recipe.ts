import { defineRecipe } from '@strata/contracts';
import { sequenceClassifierParams } from './params.js';

const SUBJECTS = ['the pump', 'a valve', 'our line', 'this motor', '水泵', '阀门'];
/** Only the order of the words tells the classes apart: each sentence holds both "first" and "then". */
const smokeRows = (): string =>
  [
    'text,label',
    ...Array.from({ length: 96 }, (_, i) => {
      const [subject, first] = [SUBJECTS[i % 6], Math.floor(i / 6) % 2 === 0];
      return `${subject} ${first ? 'stopped then started' : 'started then stopped'} ${i % 7},${first ? 'up' : 'down'}`;
    }),
    '',
  ].join('\n');

export default defineRecipe({
  name: 'sequence/classifier',
  version: 2,
  queue: 'train',
  title: { en: 'Recurrent text classifier', zh: '循环网络文本分类器' },
  summary: {
    en: 'Reads a text token by token with an RNN, GRU or LSTM and tells its class, so that the order of words counts.',
    zh: '用 RNN、GRU 或 LSTM 逐词元读取文本并判断类别，能够利用词序信息。',
  },
  catalog: [
    'rnn',
    'gru',
    'lstm',
    'build-recurrent',
    'text-classification',
    'supervised-learning',
    'classification',
    'dropout',
    'weight-decay',
  ],
  params: sequenceClassifierParams,
  inputs: {
    train: { kind: 'dataset', description: { en: 'Texts with their classes', zh: '带类别的训练文本' } },
    valid: {
      kind: 'dataset',
      optional: true,
      description: {
        en: 'Texts that decide when to stop; else a part of train',
        zh: '用于早停的验证文本；缺省时取自训练数据',
      },
    },
    test: {
      kind: 'dataset',
      optional: true,
      description: { en: 'Texts that only the final model is measured on', zh: '仅用于评估最终模型的测试文本' },
    },
  },
  outputs: {
    model: { kind: 'model', description: { en: 'The classifier with its tokenizer', zh: '分类模型及其分词器' } },
    report: {
      kind: 'report',
      description: { en: 'Metrics, confusion matrix and course of the training', zh: '指标、混淆矩阵与训练过程' },
    },
  },
  resumable: true,
  smoke: {
    params: {
      embedding_dim: 8,
      hidden_size: 8,
      epochs: 4,
      batch_size: 16,
      min_frequency: 1,
      learning_rate: 0.02,
      validation_fraction: 0.2,
    },
    inputs: { train: { format: 'csv', dataset: smokeRows, target: 'label' } },
    falls: 'train_loss',
  },
  reference: {
    metric: 'test_accuracy',
    value: 0.983,
    tolerance: 0.006,
    data: 'sms-spam, a held-out fifth',
    command:
      'npm run strata -- submit sequence/classifier --input train=ds_… --input test=ds_… --epochs 8 --seed 1 --watch',
    date: '2026-11-26',
    hardware: '2 shared x86-64 cores, CPU',
    commit: 'eed67e1',
  },
  run: () => import('./classifier.run.js'),
});
