import { z } from 'zod';
import { recurrentParams } from '../shared/params.js';

export const sequenceClassifierParams = z.strictObject({
  text_column: z.string().min(1).default('text').describe('Column with the texts'),
  target: z.string().min(1).default('label').describe('Column with the classes'),
  tokenizer: z
    .enum(['word', 'char', 'bpe', 'wordpiece', 'unigram'])
    .default('word')
    .describe('What the network reads one by one: words, characters or learned parts of words'),
  vocab_size: z.number().int().min(16).max(1_000_000).default(8000).describe('Tokens at most'),
  min_frequency: z.number().int().min(1).default(2).describe('Occurrences that a token needs'),
  lowercase: z.boolean().default(true).describe('Read capitals as small letters'),
  max_length: z.number().int().min(1).max(1024).default(64).describe('Tokens kept of a text: what comes later is cut'),
  ...recurrentParams,
  pooling: z
    .enum(['last', 'mean', 'max'])
    .default('max')
    .describe('How the states of a text become one: that of its end, their mean, or the largest value of each unit'),
  epochs: z.number().int().min(1).max(10_000).default(12).describe('Passes over the data at most'),
  class_weight: z
    .enum(['balanced'])
    .nullable()
    .default(null)
    .describe('balanced: rare classes count as much as frequent ones; null: every text counts the same'),
});
export type SequenceClassifierParams = z.output<typeof sequenceClassifierParams>;
