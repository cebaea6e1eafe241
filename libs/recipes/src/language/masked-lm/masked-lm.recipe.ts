import { defineRecipe } from '@strata/contracts';
import { z } from 'zod';
import { activation, dataParams, modelParams, trainingParams } from '../transformer/params.js';

export const maskedLmParams = z.strictObject({
  ...dataParams,
  ...modelParams,
  norm_order: z
    .enum(['post', 'pre'])
    .default('pre')
    .describe('Normalise after each branch, as BERT, or before it, which learns faster without a long warm-up'),
  activation: activation
    .default('gelu')
    .describe('Function inside the feed-forward layers; swiglu and geglu have a gate'),
  masking: z
    .enum(['dynamic', 'static'])
    .default('dynamic')
    .describe('dynamic: other places are hidden each time a sequence is seen; static: always the same ones'),
  mlm_probability: z.number().gt(0).max(0.9).default(0.15).describe('Share of the tokens that are hidden'),
  whole_word_mask: z.boolean().default(false).describe('Hide all tokens of a word together'),
  ...trainingParams,
});
export type MaskedLmParams = z.output<typeof maskedLmParams>;

const smokeText = (): string =>
  'text\n' +
  Array.from({ length: 60 }, (_, i) => `春眠不觉晓，处处闻啼鸟。夜来风雨声，花落知多少。${i % 7}\n`).join('');

export default defineRecipe({
  name: 'language/masked-lm',
  version: 1,
  queue: 'train',
  title: { en: 'Masked language model', zh: '掩码语言模型' },
  summary: {
    en: 'Trains an encoder of the BERT family from nothing: it guesses hidden tokens from both sides, and so learns to represent text.',
    zh: '从零训练 BERT 系列编码器：由两侧上下文猜出被遮盖的词元，从而学会表示文本。',
  },
  catalog: [
    'masked-language-model',
    'static-masking',
    'dynamic-masking',
    'transformer',
    'bert',
    'positional-encoding',
    'learned-positions',
    'sinusoidal-encoding',
    'rotary-encoding',
    'alibi',
    'self-attention',
  ],
  params: maskedLmParams,
  inputs: {
    data: { kind: 'dataset', description: { en: 'Text to learn from', zh: '训练文本' } },
    tokenizer: {
      kind: 'file',
      optional: true,
      description: {
        en: 'Tokenizer with a [MASK] token; else one is learned from the text',
        zh: '含 [MASK] 的分词器；缺省时由文本训练得到',
      },
    },
  },
  outputs: {
    model: { kind: 'model', description: { en: 'The language model with its tokenizer', zh: '语言模型及其分词器' } },
    report: {
      kind: 'report',
      description: { en: 'Losses, accuracy, the unigram baseline', zh: '损失、准确率与一元基线' },
    },
  },
  resumable: true,
  smoke: {
    params: {
      n_layer: 1,
      n_head: 2,
      n_embd: 16,
      block_size: 16,
      batch_size: 4,
      max_steps: 24,
      warmup_steps: 2,
      learning_rate: 0.02,
      eval_interval: 12,
      eval_windows: 4,
      dropout: 0.05,
      whole_word_mask: true,
    },
    inputs: { data: { format: 'csv', dataset: smokeText } },
    falls: 'train_loss',
  },
  reference: {
    metric: 'valid_accuracy',
    value: 0.342,
    tolerance: 0.02,
    data: 'chinese-classics, traditional characters, the last tenth',
    command:
      'npm run strata -- submit language/masked-lm --input data=zh_classics_traditional.txt --batch-size 32 --max-steps 1200 --position rotary --learning-rate 0.002 --min-learning-rate 0.0002 --weight-decay 0.01 --watch',
    date: '2026-11-23',
    hardware: '2 shared x86-64 cores, CPU',
    commit: '20d85dd',
  },
  run: () => import('./masked-lm.run.js'),
});
