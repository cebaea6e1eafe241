import { z } from 'zod';
import { classWeight, earlyStopping, tolerance, validationFraction } from '../../shared/training-params.js';

/** Parameters that the tabular recipes share, under scikit-learn's names (MLPClassifier, MLPRegressor) where it has them. */
const networkParams = {
  target: z.string().min(1).describe('Column to predict'),
  features: z
    .array(z.string().min(1))
    .min(1)
    .nullable()
    .default(null)
    .describe('Columns to learn from; null: all but the target, identifiers, free text and empty columns'),
  hidden_layer_sizes: z
    .array(z.number().int().min(1).max(4096))
    .max(8)
    .default([128, 64])
    .describe('Neurons of each hidden layer; [] gives a linear model'),
  activation: z
    .enum(['relu', 'gelu', 'tanh', 'logistic', 'identity'])
    .default('relu')
    .describe('Activation of the hidden layers'),
  solver: z
    .enum(['adam', 'sgd'])
    .default('adam')
    .describe('adam: AdamW with decoupled weight decay; sgd: with momentum'),
  learning_rate_init: z.number().positive().max(10).default(0.002).describe('Highest learning rate'),
  learning_rate: z
    .enum(['constant', 'linear', 'cosine'])
    .default('cosine')
    .describe('Course of the learning rate over the training'),
  warmup_fraction: z
    .number()
    .min(0)
    .max(0.5)
    .default(0.03)
    .describe('Share of the steps in which the learning rate rises from 0'),
  momentum: z.number().min(0).lt(1).default(0.9).describe('sgd only'),
  nesterovs_momentum: z.boolean().default(true).describe('sgd only'),
  batch_size: z
    .number()
    .int()
    .min(1)
    .max(65_536)
    .nullable()
    .default(null)
    .describe('Rows of a step; null: a power of two near rows / 64, from 16 to 256'),
  max_iter: z
    .number()
    .int()
    .min(1)
    .max(100_000)
    .nullable()
    .default(null)
    .describe('Epochs at most; null: as many as make about 3000 steps, from 15 to 60, or to 200 when the rows are few'),
  alpha: z.number().min(0).max(10).default(0.01).describe('Weight decay'),
  dropout: z.number().min(0).lt(1).default(0.1).describe('Share of hidden neurons that a step leaves out'),
  clip_norm: z
    .number()
    .positive()
    .nullable()
    .default(null)
    .describe('Gradients of a larger norm are scaled down to it; null: never'),
  validation_fraction: validationFraction('rows', 500),
  early_stopping: earlyStopping,
  n_iter_no_change: z
    .number()
    .int()
    .min(1)
    .nullable()
    .default(null)
    .describe(
      'Epochs without a better validation loss that stop it; null: 10, or more where those are under 500 steps',
    ),
  tol: tolerance,
  n_bins: z
    .number()
    .int()
    .min(0)
    .max(1024)
    .default(32)
    .describe(
      'Most quantile bins of the piecewise-linear encoding of numbers (each has at least 20 rows); 0: standardised numbers only',
    ),
  max_categories: z
    .number()
    .int()
    .min(1)
    .max(10_000)
    .default(64)
    .describe('Categories kept for each column, the most frequent; the others are put together'),
  cv: z
    .number()
    .int()
    .min(0)
    .max(50)
    .default(0)
    .describe('Folds of a cross-validation before the final training; 0: none'),
};

export type NetworkParams = z.output<z.ZodObject<typeof networkParams>>;

export const classifierParams = z.strictObject({
  ...networkParams,
  class_weight: classWeight('row'),
});
export type ClassifierParams = z.output<typeof classifierParams>;

export const regressorParams = z.strictObject({
  ...networkParams,
  loss: z
    .enum(['squared_error', 'huber'])
    .default('squared_error')
    .describe('huber: errors beyond one standard deviation of the target count linearly, so outliers weigh less'),
});
export type RegressorParams = z.output<typeof regressorParams>;
