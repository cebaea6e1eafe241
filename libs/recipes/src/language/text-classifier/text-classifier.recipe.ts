import { defineRecipe } from '@strata/contracts';
import { CLASSIFIER_OUTPUTS, judgedInputs } from '../../shared/recipe-parts.js';
import { textClassifierParams } from './params.js';

const SENTENCES: readonly (readonly [string, string])[] = [
  ['The chip runs matrix products in low precision', 'hardware'],
  ['New memory feeds the processor at four terabytes a second', 'hardware'],
  ['这款芯片以低精度计算矩阵乘法', 'hardware'],
  ['新一代显存让处理器不再等待数据', 'hardware'],
  ['The model answers questions about contracts', 'software'],
  ['An assistant writes the tests before the code', 'software'],
  ['该模型可以回答合同方面的问题', 'software'],
  ['智能助手先写测试再写代码', 'software'],
];

/** Each sentence with a varying number, so that rows differ. */
const smokeRows = (): string =>
  [
    'text,label',
    ...Array.from({ length: 96 }, (_, i) => `${SENTENCES[i % 8]?.[0]} ${i},${SENTENCES[i % 8]?.[1]}`),
    '',
  ].join('\n');

export default defineRecipe({
  name: 'language/text-classifier',
  version: 1,
  queue: 'train',
  title: { en: 'Text classifier', zh: '文本分类器' },
  summary: {
    en: 'Learns classes of texts from hashed n-grams of words and characters: small, fast, for English, Chinese and mixtures of them.',
    zh: '用词与字符的哈希 n-gram 学习文本类别：模型小、训练快，适用于英文、中文以及混合文本。',
  },
  catalog: ['text-classification', 'classification', 'supervised-learning'],
  params: textClassifierParams,
  inputs: {
    train: { kind: 'dataset', description: { en: 'Texts with their classes', zh: '带类别的训练文本' } },
    ...judgedInputs({ en: 'Texts', zh: '文本' }),
  },
  outputs: CLASSIFIER_OUTPUTS,
  resumable: true,
  smoke: {
    params: { buckets: 512, embedding_dim: 8, epochs: 4, batch_size: 16 },
    inputs: { train: { format: 'csv', dataset: smokeRows, target: 'label' } },
    falls: 'train_loss',
  },
  reference: {
    metric: 'test_accuracy',
    value: 0.9883,
    tolerance: 0.008,
    data: 'sms-spam, a held-out fifth',
    command: 'npm test -- -p @strata/recipes',
    date: '2026-11-23',
    hardware: '2 shared x86-64 cores, CPU',
    commit: '2eac113',
  },
  run: () => import('./text-classifier.run.js'),
});
