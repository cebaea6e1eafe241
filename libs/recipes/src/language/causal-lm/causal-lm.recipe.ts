import { defineRecipe } from '@strata/contracts';
import { z } from 'zod';
import { activation, dataParams, modelParams, trainingParams } from '../transformer/params.js';

export const causalLmParams = z.strictObject({
  ...dataParams,
  ...modelParams,
  activation: activation
    .default('gelu_tanh')
    .describe('Function inside the feed-forward layers; swiglu and geglu have a gate'),
  ...trainingParams,
  sample_tokens: z.number().int().min(0).max(10_000).default(200).describe('Tokens of the sample text in the report'),
  sample_temperature: z
    .number()
    .min(0)
    .max(10)
    .default(0.8)
    .describe('Below 1 the sample keeps to likely tokens; 0: always the likeliest'),
});
export type CausalLmParams = z.output<typeof causalLmParams>;

const smokeText = (): string =>
  'text\n' +
  Array.from({ length: 60 }, (_, i) => `the cat ${i % 2 ? 'sat' : 'ran'} on the mat and saw ${i % 5} birds\n`).join('');

export default defineRecipe({
  name: 'language/causal-lm',
  version: 1,
  queue: 'train',
  title: { en: 'Causal language model', zh: '因果语言模型' },
  summary: {
    en: 'Trains a model of the GPT family from nothing: it predicts each token from those before it, and so learns to write.',
    zh: '从零训练 GPT 系列模型：根据前文预测下一个词元，从而学会生成文本。',
  },
  catalog: [
    'causal-language-model',
    'transformer',
    'build-transformer',
    'gpt',
    'text-generation',
    'positional-encoding',
    'learned-positions',
    'sinusoidal-encoding',
    'rotary-encoding',
    'alibi',
    'self-attention',
    'stochastic-gradient-descent',
    'adam',
    'adamw',
    'dropout',
    'weight-decay',
  ],
  params: causalLmParams,
  inputs: {
    data: { kind: 'dataset', description: { en: 'Text to learn from', zh: '训练文本' } },
    tokenizer: {
      kind: 'file',
      optional: true,
      description: { en: 'Tokenizer; else one is learned from the text', zh: '分词器；缺省时由文本训练得到' },
    },
  },
  outputs: {
    model: { kind: 'model', description: { en: 'The language model with its tokenizer', zh: '语言模型及其分词器' } },
    report: {
      kind: 'report',
      description: { en: 'Losses, course of the training, sample text', zh: '损失、训练过程与生成样例' },
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
      max_steps: 12,
      warmup_steps: 2,
      learning_rate: 0.01,
      eval_interval: 6,
      eval_windows: 4,
      dropout: 0.1,
      sample_tokens: 8,
    },
    inputs: { data: { format: 'csv', dataset: smokeText } },
    falls: 'train_loss',
  },
  reference: {
    metric: 'valid_loss',
    value: 1.775,
    tolerance: 0.04,
    data: 'tiny-shakespeare, the last tenth',
    command: 'npm run strata -- submit language/causal-lm --input data=input.txt --position rotary --watch',
    date: '2026-11-23',
    hardware: '2 shared x86-64 cores, CPU',
    commit: 'ecc7ddc',
  },
  run: () => import('./causal-lm.run.js'),
});
