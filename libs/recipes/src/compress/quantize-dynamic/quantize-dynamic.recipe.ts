import { defineRecipe } from '@strata/contracts';
import { z } from 'zod';

export default defineRecipe({
  name: 'compress/quantize-dynamic',
  version: 1,
  queue: 'compress',
  title: { en: 'Dynamic quantisation', zh: '动态量化' },
  summary: {
    en: 'Stores weights and embedding tables in 8-bit integers and multiplies in integers: up to four times smaller, without training data.',
    zh: '以 8 位整数存储权重与嵌入表并用整数做乘法：体积最多缩小到四分之一，无需训练数据。',
  },
  catalog: ['quantization', 'model-compression', 'launch-and-deployment', 'dynamic-quantization'],
  params: z.strictObject({
    per_channel: z
      .boolean()
      .default(true)
      .describe('One scale for each output column and each row of a table, instead of one for the tensor'),
    weight_type: z.enum(['int8', 'uint8']).default('int8').describe('Integer type of the weights'),
    reduce_range: z
      .boolean()
      .default(false)
      .describe('7-bit weights, for processors without 8-bit dot products (x86 without VNNI), whose sums can saturate'),
    min_elements: z
      .number()
      .int()
      .min(1)
      .max(2_147_483_647)
      .default(1024)
      .describe('Tensors with fewer elements stay in floating point'),
    exclude: z.array(z.string()).max(1000).default([]).describe('Names of graph nodes that stay in floating point'),
    check_rows: z
      .number()
      .int()
      .min(1)
      .max(100_000)
      .default(512)
      .describe('Rows on which both models are compared: of the data when it is given, otherwise made up'),
    tolerance: z
      .number()
      .gt(0)
      .max(1)
      .default(0.02)
      .describe(
        'Largest mean difference on the data: of probabilities, or of predictions over their standard deviation; a larger one fails the job',
      ),
    text_column: z.string().default('').describe('Column of the data that a text model reads; empty to find out'),
  }),
  inputs: {
    model: { kind: 'model', description: { en: 'Model to make smaller', zh: '待压缩的模型' } },
    data: {
      kind: 'dataset',
      optional: true,
      description: { en: 'Rows on which both models must agree', zh: '用于核对两个模型是否一致的数据' },
    },
  },
  outputs: {
    model: { kind: 'model', description: { en: 'The model in 8 bits', zh: '8 位模型' } },
    report: {
      kind: 'report',
      description: { en: 'What was quantised, sizes, differences', zh: '量化内容、体积与差异' },
    },
  },
  resumable: false,
  smoke: {
    params: { min_elements: 16, check_rows: 32, tolerance: 0.1 },
    inputs: {
      model: { model: 'classical/tabular-classifier' },
      data: { from: 'classical/tabular-classifier', input: 'train' },
    },
  },
  run: () => import('./quantize-dynamic.run.js'),
});
