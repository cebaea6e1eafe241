import { z } from 'zod';

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
  validation_fraction: z
    .number()
    .min(0)
    .max(0.9)
    .nullable()
    .default(null)
    .describe(
      'Share of the training rows kept for validation when no validation set is given; 0: none; null: 0.1, or none under 500 rows',
    ),
  early_stopping: z
    .boolean()
    .default(true)
    .describe('Stop when the validation loss no longer falls, and keep the best weights'),
  n_iter_no_change: z
    .number()
    .int()
    .min(1)
    .nullable()
    .default(null)
    .describe(
      'Epochs without a better validation loss that stop it; null: 10, or more where those are under 500 steps',
    ),
  tol: z.number().min(0).default(1e-4).describe('A validation loss counts as better when it falls by more than this'),
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
  class_weight: z
    .enum(['balanced'])
    .nullable()
    .default(null)
    .describe('balanced: rare classes count as much as frequent ones; null: every row counts the same'),
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
