import { z } from 'zod';
import { recurrentParams } from '../shared/params.js';

export const sequenceTaggerParams = z.strictObject({
  tokens_column: z.string().min(1).default('tokens').describe('Column with the tokens of a sentence, joined by spaces'),
  tags_column: z.string().min(1).default('tags').describe('Column with as many tags, such as O, B-person, I-person'),
  tokenizer: z
    .enum(['wordpiece', 'word', 'bpe', 'unigram', 'char'])
    .default('wordpiece')
    .describe('What the network reads: parts of words tell something about words never seen'),
  vocab_size: z.number().int().min(16).max(1_000_000).default(4000).describe('Tokens at most'),
  min_frequency: z.number().int().min(1).default(2).describe('Occurrences that a token needs'),
  lowercase: z.boolean().default(false).describe('Read capitals as small letters; capitals mark names'),
  max_length: z
    .number()
    .int()
    .min(1)
    .max(1024)
    .default(64)
    .describe('Tokens kept of a sentence: words that come later get the commonest tag'),
  ...recurrentParams,
  cell: recurrentParams.cell.default('lstm'),
  dropout: recurrentParams.dropout.default(0.4),
  learning_rate: recurrentParams.learning_rate.default(0.005),
  epochs: z.number().int().min(1).max(10_000).default(10).describe('Passes over the data at most'),
});
export type SequenceTaggerParams = z.output<typeof sequenceTaggerParams>;
