import { defineRecipe } from '@strata/contracts';
import { ROWS, judgedInputs } from '../../shared/recipe-parts.js';
import { fineTuneOnnxParams } from './params.js';

export default defineRecipe({
  name: 'transfer/fine-tune-onnx',
  version: 1,
  queue: 'train',
  title: { en: 'Fine-tune an ONNX model', zh: '微调 ONNX 模型' },
  summary: {
    en: 'Puts a new head on any imported ONNX model and trains it on your tables, texts or pictures: the head alone on the features of the model, its last layers, or all of it.',
    zh: '为任意导入的 ONNX 模型接上新的输出头并在您的表格、文本或图片上训练：可只训练输出头（特征提取）、训练最后几层，或训练全部权重。',
  },
  catalog: ['transfer-learning', 'feature-extraction', 'full-fine-tuning', 'fine-tuning'],
  params: fineTuneOnnxParams,
  inputs: {
    model: {
      kind: 'model',
      description: { en: 'An ONNX model, uploaded or trained here', zh: '上传的或在此训练的 ONNX 模型' },
    },
    train: {
      kind: 'dataset',
      description: { en: 'Rows of a table, texts or pictures to learn from', zh: '训练数据：表格、文本或图片' },
    },
    ...judgedInputs(ROWS),
  },
  outputs: {
    model: { kind: 'model', description: { en: 'The model with its new head', zh: '带新输出头的模型' } },
    report: {
      kind: 'report',
      description: { en: 'Metrics, what was trained, and course of the training', zh: '指标、所训练的权重与训练过程' },
    },
  },
  resumable: true,
  smoke: {
    params: { target: 'kind', mode: 'full', epochs: 5, batch_size: 24, validation_fraction: 0.2 },
    inputs: {
      model: { model: 'classical/tabular-classifier' },
      train: { from: 'classical/tabular-classifier', input: 'train' },
    },
    falls: 'train_loss',
  },
  reference: {
    metric: 'test_accuracy',
    value: 0.9125,
    tolerance: 0.015,
    data: 'mnist: a network of the digits 0-4, 100 pictures of each from 5 to 9, 2,000 others to test',
    command: 'npm test -- -p @strata/recipes -t "transfer from the digits"',
    date: '2026-11-25',
    hardware: '2 shared x86-64 cores, CPU',
    commit: '73ddefd',
  },
  run: () => import('./fine-tune-onnx.run.js'),
});
