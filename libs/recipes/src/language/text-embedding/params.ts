import { z } from 'zod';
import { ngramParams, POOLING_MODES } from '../../shared/ngram-params.js';
import { lrScheduler, weightDecay } from '../../shared/training-params.js';

export const ACTIVATIONS = ['tanh', 'relu', 'identity'] as const;
export type EncoderActivation = (typeof ACTIVATIONS)[number];

export const textEmbeddingParams = z.strictObject({
  anchor_column: z.string().min(1).default('anchor').describe('Column with the first text of each pair'),
  positive_column: z.string().min(1).default('positive').describe('Column with the text that belongs to it'),
  group_column: z
    .string()
    .default('')
    .describe('Column that names what a pair is about: pairs of one group are no negatives of each other; empty: none'),
  weight_column: z.string().default('').describe('Column with the weight of each pair; empty: all count the same'),
  ...ngramParams({ char_ngrams: [3, 5], buckets: 131_072 }),
  use_idf: z.boolean().default(true).describe('Rare n-grams weigh more, by inverse document frequency'),
  pooling_mode: z
    .enum(POOLING_MODES)
    .default('mean_sqrt_len_tokens')
    .describe('The sum of the n-grams’ vectors is divided by their number, or by its square root'),
  embedding_dim: z.number().int().min(2).max(4096).default(128).describe('Numbers of a text’s vector'),
  hidden_layer_sizes: z
    .array(z.number().int().min(1).max(4096))
    .max(4)
    .default([])
    .describe('Widths between n-grams and vector; the first is that of the n-grams; []: their sum is the vector'),
  activation: z.enum(ACTIVATIONS).default('tanh').describe('Function between the layers, where there are some'),
  dropout: z.number().min(0).lt(1).default(0).describe('Share of a text’s n-grams that a step leaves out'),
  temperature: z
    .number()
    .positive()
    .max(10)
    .default(0.05)
    .describe(
      'Cosines are divided by it: a small one looks at the hardest negatives (1 / scale of sentence-transformers)',
    ),
  symmetric: z
    .boolean()
    .default(true)
    .describe('Positives look for their anchors too; false: only anchors for their positives'),
  learning_rate: z.number().positive().max(10).default(0.01).describe('Highest learning rate (AdamW)'),
  lr_scheduler: lrScheduler,
  weight_decay: weightDecay(0),
  epochs: z
    .number()
    .int()
    .min(1)
    .max(10_000)
    .nullable()
    .default(null)
    .describe('Passes over the pairs at most; null: as many as make about 600 steps, from 4 to 60'),
  batch_size: z
    .number()
    .int()
    .min(2)
    .max(8192)
    .default(128)
    .describe('Pairs of a step; the others of the batch are the negatives'),
  validation_fraction: z
    .number()
    .min(0)
    .max(0.9)
    .nullable()
    .default(null)
    .describe(
      'Share of the pairs kept for validation when no validation set is given; 0: none; null: 0.1, at most 1000 pairs, none under 500',
    ),
  early_stopping: z.boolean().default(true).describe('Stop when valid_mrr no longer rises, and keep the best weights'),
  n_iter_no_change: z.number().int().min(1).default(5).describe('Epochs without a better valid_mrr that stop it'),
  tol: z.number().min(0).default(1e-3).describe('A valid_mrr counts as better when it rises by more than this'),
});
export type TextEmbeddingParams = z.output<typeof textEmbeddingParams>;
