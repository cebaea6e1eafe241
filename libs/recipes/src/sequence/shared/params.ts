import { z } from 'zod';
import { lrScheduler, weightDecay } from '../../shared/training-params.js';

/** Parameters that every recurrent recipe has. */
export const recurrentParams = {
  cell: z.enum(['rnn', 'gru', 'lstm']).default('gru').describe('Recurrent cell'),
  hidden_size: z.number().int().min(2).max(4096).default(64).describe('Units of each layer and direction'),
  num_layers: z.number().int().min(1).max(8).default(1).describe('Layers, one over the other'),
  bidirectional: z.boolean().default(true).describe('Read forwards and backwards'),
  embedding_dim: z.number().int().min(2).max(4096).default(64).describe('Numbers that stand for a token'),
  dropout: z
    .number()
    .min(0)
    .lt(1)
    .default(0.3)
    .describe('Share of the numbers that a step leaves out: of embeddings, between layers and before the output'),
  learning_rate: z.number().positive().max(10).default(0.002).describe('Highest learning rate (AdamW)'),
  lr_scheduler: lrScheduler,
  weight_decay: weightDecay(0.01),
  max_grad_norm: z.number().positive().default(1).describe('Gradients are scaled down when their joint norm is larger'),
  batch_size: z.number().int().min(1).max(4096).default(32).describe('Rows of a step'),
  label_smoothing: z.number().min(0).lt(1).default(0).describe('Share of a target that is spread over all classes'),
  validation_fraction: z
    .number()
    .min(0)
    .max(0.9)
    .nullable()
    .default(null)
    .describe(
      'Share of the training rows kept for validation when no validation set is given; 0: none; null: 0.1, or none under 1000 rows',
    ),
  early_stopping: z
    .boolean()
    .default(true)
    .describe('Stop when validation no longer improves, and keep the best weights'),
  n_iter_no_change: z.number().int().min(1).default(5).describe('Epochs without an improvement that stop it'),
} as const;
