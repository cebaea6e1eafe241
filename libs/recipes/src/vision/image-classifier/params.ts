import { z } from 'zod';
import { augmentationParams } from '../../shared/picture-params.js';
import { classWeight, labelSmoothing, validationFraction } from '../../shared/training-params.js';

const count = (least: number, most: number) => z.number().int().min(least).max(most);

export const imageClassifierParams = z.strictObject({
  height: count(4, 512).nullable().default(null).describe('Rows that pictures are resized to; null: as the first one'),
  width: count(4, 512)
    .nullable()
    .default(null)
    .describe('Columns that pictures are resized to; null: as the first one'),
  channels: z
    .union([z.literal(1), z.literal(3)])
    .nullable()
    .default(null)
    .describe('1: grey, 3: colours; null: as the first picture'),
  hidden_sizes: z
    .array(count(1, 2048))
    .min(1)
    .max(6)
    .default([16, 32, 64])
    .describe('Channels of each stage; every stage but the first halves height and width'),
  depths: z
    .array(count(1, 50))
    .min(1)
    .max(6)
    .default([1, 1, 1])
    .describe('Residual blocks of each stage, as many numbers as hidden_sizes'),
  stem_kernel_size: count(1, 11).default(3).describe('Window of the first convolution'),
  stem_stride: count(1, 4).default(1).describe('Stride of the first convolution; 2 suits large pictures'),
  stem_pool: z.boolean().default(false).describe('Halve the pictures once more by a max pool behind the stem'),
  norm: z.enum(['batch', 'group', 'none']).default('batch').describe('Normalisation behind each convolution'),
  dropout: z
    .number()
    .min(0)
    .lt(1)
    .default(0)
    .describe('Share of the features before the classes that a step leaves out'),
  block_dropout: z
    .number()
    .min(0)
    .lt(1)
    .default(0)
    .describe('Share of the channels inside a residual block that a step leaves out'),
  ...augmentationParams({ crop_padding: 2 }),
  optimizer: z.enum(['sgd', 'adam', 'adamw']).default('adamw').describe('Optimiser'),
  learning_rate: z.number().positive().max(10).default(0.01).describe('Highest learning rate'),
  momentum: z.number().min(0).lt(1).default(0.9).describe('Momentum of sgd, decay of the mean of gradients of adam'),
  nesterov: z.boolean().default(true).describe('Nesterov momentum; sgd only'),
  weight_decay: z.number().min(0).max(10).default(0.01).describe('Weight decay of convolutions and dense layers'),
  lr_scheduler: z
    .enum(['one_cycle', 'cosine', 'linear', 'step', 'constant'])
    .default('one_cycle')
    .describe('Course of the learning rate'),
  pct_start: z
    .number()
    .gt(0)
    .lt(1)
    .default(0.25)
    .describe('Share of the steps in which the rate rises; one_cycle only'),
  warmup_epochs: z.number().min(0).max(100).default(0).describe('Epochs of rising rate; not of one_cycle'),
  step_size: count(1, 10_000).default(10).describe('Epochs after which the rate falls; step only'),
  gamma: z.number().gt(0).max(1).default(0.1).describe('Factor by which it falls; step only'),
  max_grad_norm: z
    .number()
    .min(0)
    .default(0)
    .describe('Gradients are scaled down when their joint norm is larger; 0: never'),
  label_smoothing: labelSmoothing(0.05),
  class_weight: classWeight('picture'),
  epochs: count(1, 10_000).default(8).describe('Passes over the data at most'),
  batch_size: count(1, 4096).default(128).describe('Pictures of a step'),
  validation_fraction: validationFraction('pictures', 1000),
  early_stopping: z
    .boolean()
    .default(true)
    .describe('Stop when the validation accuracy no longer rises, and keep the best weights'),
  n_iter_no_change: count(1, 1000).default(5).describe('Epochs without a better validation accuracy that stop it'),
});
export type ImageClassifierParams = z.output<typeof imageClassifierParams>;
