import { defineRecipe } from '@strata/contracts';
import { fineTuneParams } from './params.js';

const SENTENCES: readonly (readonly [string, string])[] = [
  ['春眠不觉晓，处处闻啼鸟', 'spring'],
  ['春风又绿江南岸', 'spring'],
  ['夜来风雨声，花落知多少', 'night'],
  ['月落乌啼霜满天，夜半钟声到客船', 'night'],
];
const smokeRows = (): string =>
  [
    'text,label',
    ...Array.from({ length: 48 }, (_, i) => `${SENTENCES[i % 4]?.[0]}${i},${SENTENCES[i % 4]?.[1]}`),
    '',
  ].join('\n');

export default defineRecipe({
  name: 'language/fine-tune',
  version: 1,
  queue: 'train',
  title: { en: 'Fine-tune a language model', zh: '微调语言模型' },
  summary: {
    en: 'Makes a text classifier of a pre-trained language model: all weights, only a new head, or low-rank changes (LoRA) that are merged into the model.',
    zh: '把预训练语言模型微调为文本分类器：可训练全部参数、仅训练新任务头，或训练随后并入模型的低秩增量（LoRA）。',
  },
  catalog: [
    'fine-tuning',
    'full-fine-tuning',
    'lora',
    'feature-extraction',
    'transfer-learning',
    'text-classification',
    'automatic-fine-tuning',
  ],
  params: fineTuneParams,
  inputs: {
    train: { kind: 'dataset', description: { en: 'Texts with their classes', zh: '带类别的训练文本' } },
    base: {
      kind: 'model',
      optional: true,
      description: {
        en: 'Model of language/masked-lm or language/causal-lm; without one training starts from nothing',
        zh: 'language/masked-lm 或 language/causal-lm 的模型；缺省时从零训练',
      },
    },
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
    tokenizer: {
      kind: 'file',
      optional: true,
      description: { en: 'Tokenizer for a training without base model', zh: '无基座模型时使用的分词器' },
    },
  },
  outputs: {
    model: {
      kind: 'model',
      description: {
        en: 'The classifier with its tokenizer, and with LoRA its adapters',
        zh: '分类模型及其分词器；使用 LoRA 时附适配器权重',
      },
    },
    report: {
      kind: 'report',
      description: {
        en: 'Metrics, method and why, share of trained weights',
        zh: '指标、所用方法与理由、训练参数占比',
      },
    },
  },
  resumable: true,
  smoke: {
    params: { method: 'lora', lora_rank: 4, epochs: 4, batch_size: 8, learning_rate: 0.02 },
    inputs: { train: { format: 'csv', dataset: smokeRows, target: 'label' }, base: { model: 'language/masked-lm' } },
    falls: 'train_loss',
  },
  reference: {
    metric: 'test_accuracy',
    value: 0.7108,
    tolerance: 0.05,
    data: 'sib200 zho_Hans, its own test file; lora with defaults on a masked model of the training texts (full training: 0.711)',
    command:
      'npm run strata -- submit language/fine-tune --input base=base --input train=train.tsv --input valid=dev.tsv --input test=test.tsv --target category --method lora --early-stopping false --seed 1 --watch',
    date: '2026-11-26',
    hardware: '2 shared x86-64 cores, CPU',
    commit: 'e04d281',
  },
  run: () => import('./fine-tune.run.js'),
});
