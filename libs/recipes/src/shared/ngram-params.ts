import { z } from 'zod';

/** How a text's n-grams become one vector: the weighted mean Σ w e / Σ w, or Σ w e / √Σ w². Names as in sentence-transformers. */
export const POOLING_MODES = ['mean', 'mean_sqrt_len_tokens'] as const;
export type PoolingMode = (typeof POOLING_MODES)[number];

const range = (what: string) =>
  z
    .tuple([z.number().int().min(0).max(8), z.number().int().min(0).max(8)])
    .refine(([low, high]) => low <= high, 'the first number must not be larger than the second')
    .describe(what);

/** What recipes read of a text as a bag of hashed n-grams. */
export const ngramParams = (usual: { readonly char_ngrams: [number, number]; readonly buckets: number }) => ({
  lowercase: z.boolean().default(true).describe('Read capitals as small letters'),
  word_ngrams: range(
    'Shortest and longest run of words; each Chinese character counts as a word; [0, 0]: none',
  ).default([1, 2]),
  char_ngrams: range('Shortest and longest run of characters; [0, 0]: none').default(usual.char_ngrams),
  max_ngrams: z
    .number()
    .int()
    .min(1)
    .max(16_384)
    .default(512)
    .describe('n-grams kept of a text: what comes later is cut'),
  buckets: z
    .number()
    .int()
    .min(256)
    .max(1_048_576)
    .default(usual.buckets)
    .describe('Hash values that n-grams are told apart by; only those that occur are learned'),
  min_df: z.number().int().min(1).default(2).describe('Texts that must have an n-gram for it to count'),
});
