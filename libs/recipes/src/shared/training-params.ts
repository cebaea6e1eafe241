import { z } from 'zod';

// Parameters that recipes share. `what` is what their rows are called: rows, texts, pictures.

export const classWeight = (what: string) =>
  z
    .enum(['balanced'])
    .nullable()
    .default(null)
    .describe(`balanced: rare classes count as much as frequent ones; null: every ${what} counts the same`);

export const lrScheduler = z
  .enum(['constant', 'linear', 'cosine'])
  .default('cosine')
  .describe('Course of the learning rate');

export const weightDecay = (usual: number) =>
  z.number().min(0).max(10).default(usual).describe('Decoupled weight decay');

/** `least`: fewer rows than this are not split */
export const validationFraction = (what: string, least: number) =>
  z
    .number()
    .min(0)
    .max(0.9)
    .nullable()
    .default(null)
    .describe(
      `Share of the training ${what} kept for validation when no validation set is given; 0: none; null: 0.1, or none under ${least} ${what}`,
    );

export const labelSmoothing = (share: number) =>
  z.number().min(0).lt(1).default(share).describe('Share of a target that is spread over all classes');

/** Early stopping by the validation loss. */
export const earlyStopping = z
  .boolean()
  .default(true)
  .describe('Stop when the validation loss no longer falls, and keep the best weights');
export const patience = z
  .number()
  .int()
  .min(1)
  .default(5)
  .describe('Epochs without a better validation loss that stop it');
export const tolerance = z
  .number()
  .min(0)
  .default(1e-4)
  .describe('A validation loss counts as better when it falls by more than this');
