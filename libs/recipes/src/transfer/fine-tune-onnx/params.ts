import { z } from 'zod';
import { augmentationParams } from '../../shared/picture-params.js';
import { classWeight, earlyStopping, patience } from '../../shared/training-params.js';

const side = z.number().int().min(1).max(4096);
const DEFAULTS = "auto: as the model's manifest says, else";

export const fineTuneOnnxParams = z.strictObject({
  target: z.string().min(1).describe('Column to predict'),
  task: z
    .enum(['auto', 'classification', 'regression'])
    .default('auto')
    .describe('auto: classification, unless the target is a column of many numbers'),
  mode: z
    .enum(['feature_extraction', 'last_n', 'full'])
    .default('feature_extraction')
    .describe(
      'feature_extraction: only the new head is trained, on features worked out once; last_n: the last layers too; full: all weights',
    ),
  n_layers: z.number().int().min(1).max(1000).default(2).describe('Layers with weights that last_n trains'),
  layer: z
    .string()
    .default('')
    .describe('Value of the model that the head takes; empty: what the last linear layer takes'),
  pooling: z
    .enum(['mean', 'first'])
    .default('mean')
    .describe('Of features for each position: their mean, or those of the first position, as BERT has them'),
  features: z
    .array(z.string().min(1))
    .min(1)
    .nullable()
    .default(null)
    .describe(
      'Columns of numbers, in the order of the input; null: the columns of the input names, else all columns of numbers',
    ),
  text_column: z.string().default('').describe('Column of texts for a model that reads text; empty: the only one'),
  max_length: z.number().int().min(2).max(8192).default(128).describe('Tokens of a text, where the model does not say'),
  image_size: z
    .union([side, z.array(side).length(2)])
    .nullable()
    .default(null)
    .describe(
      'Side, or height and width, that pictures are resized to where the model leaves it open; null: as the first picture',
    ),
  image_mean: z
    .union([z.literal('auto'), z.array(z.number()).min(1).max(3)])
    .nullable()
    .default('auto')
    .describe(
      `Subtracted from the values of pictures, a number for each channel or one for all; ${DEFAULTS} ImageNet's for three channels and 0 for one; null: the mean of the training pictures`,
    ),
  image_std: z
    .union([z.literal('auto'), z.array(z.number().positive()).min(1).max(3)])
    .nullable()
    .default('auto')
    .describe(
      `What the differences are divided by; ${DEFAULTS} ImageNet's for three channels and 1 for one; null: the standard deviation of the training pictures`,
    ),
  rescale: z
    .boolean()
    .default(true)
    .describe(
      'Divide the values of pictures by 255 first; false: image_mean and image_std are of values from 0 to 255, and auto means 0 and 1',
    ),
  ...augmentationParams({ crop_padding: 0 }),
  hidden_layer_sizes: z
    .array(z.number().int().min(1).max(4096))
    .max(4)
    .default([])
    .describe('Neurons of hidden layers of the head; []: a linear head'),
  dropout: z
    .number()
    .min(0)
    .lt(1)
    .default(0.1)
    .describe('Share of the features that a step leaves out before the head'),
  learning_rate: z.number().positive().max(10).default(0.003).describe('Highest learning rate of the head'),
  trunk_learning_rate: z
    .number()
    .positive()
    .max(10)
    .default(0.1)
    .describe('Learning rate of the old weights, as a share of that of the head'),
  lr_scheduler: z
    .enum(['constant', 'linear', 'cosine'])
    .default('cosine')
    .describe('Course of the learning rate over the training'),
  weight_decay: z.number().min(0).max(10).default(0.01).describe('Weight decay'),
  batch_size: z.number().int().min(1).max(65_536).default(32).describe('Rows of a step'),
  epochs: z.number().int().min(1).max(100_000).default(20).describe('Passes over the data at most'),
  max_grad_norm: z.number().positive().default(1).describe('Gradients of a larger norm are scaled down to it'),
  validation_fraction: z
    .number()
    .min(0)
    .max(0.9)
    .default(0.1)
    .describe('Share of the training rows kept for validation when no validation set is given; 0: none'),
  early_stopping: earlyStopping,
  n_iter_no_change: patience,
  class_weight: classWeight('row'),
});
export type FineTuneOnnxParams = z.output<typeof fineTuneOnnxParams>;
