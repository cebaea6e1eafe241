import { z } from 'zod';
import { ngramParams } from '../../shared/ngram-params.js';
import {
  classWeight,
  earlyStopping,
  labelSmoothing,
  lrScheduler,
  patience,
  tolerance,
  validationFraction,
  weightDecay,
} from '../../shared/training-params.js';

export const textClassifierParams = z.strictObject({
  text_column: z.string().min(1).default('text').describe('Column with the texts'),
  target: z.string().min(1).default('label').describe('Column with the classes'),
  ...ngramParams({ char_ngrams: [1, 3], buckets: 65_536 }),
  embedding_dim: z.number().int().min(2).max(1024).default(16).describe('Numbers that stand for an n-gram'),
  hidden_layer_sizes: z
    .array(z.number().int().min(1).max(4096))
    .max(4)
    .default([])
    .describe('Neurons of hidden layers between embedding and classes; [] is fastText'),
  dropout: z.number().min(0).lt(1).default(0.1).describe('Share of the averaged embedding that a step leaves out'),
  learning_rate: z.number().positive().max(10).default(0.005).describe('Highest learning rate (AdamW)'),
  lr_scheduler: lrScheduler,
  weight_decay: weightDecay(0),
  epochs: z
    .number()
    .int()
    .min(1)
    .max(10_000)
    .nullable()
    .default(null)
    .describe('Passes over the data at most; null: as many as make about 600 steps, from 8 to 40'),
  batch_size: z.number().int().min(1).max(8192).default(32).describe('Texts of a step'),
  label_smoothing: labelSmoothing(0),
  class_weight: classWeight('text'),
  validation_fraction: validationFraction('texts', 1000),
  early_stopping: earlyStopping,
  n_iter_no_change: patience,
  tol: tolerance,
});
export type TextClassifierParams = z.output<typeof textClassifierParams>;
