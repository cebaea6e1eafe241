import { defineRecipe } from '@strata/contracts';
import { z } from 'zod';

export const tokenizerParams = z.strictObject({
  text_column: z.string().min(1).default('text').describe('Column with the texts; a plain text file has one column'),
  type: z
    .enum(['bpe', 'wordpiece', 'unigram', 'char', 'word'])
    .default('bpe')
    .describe('How a text is cut: byte pair encoding, WordPiece, unigram model, characters or words'),
  bpe_unit: z
    .enum(['bytes', 'metaspace', 'end_of_word'])
    .default('bytes')
    .describe(
      'What bpe starts from: bytes (nothing is unknown), characters with spaces as ▁, or characters with a mark at the end of each word',
    ),
  vocab_size: z.number().int().min(8).max(1_000_000).default(8000).describe('Tokens at most, special ones included'),
  min_frequency: z
    .number()
    .int()
    .min(1)
    .nullable()
    .default(null)
    .describe('Occurrences that a merge or a word needs; null: 2, or 1 for characters'),
  special_tokens: z
    .array(z.string().min(1))
    .max(1000)
    .default(['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]'])
    .describe(
      'Tokens that get the first ids, in this order; with [CLS] and [SEP], or <s> and </s>, these are put around each text',
    ),
  lowercase: z.boolean().default(false).describe('Read capitals as small letters'),
  validation_fraction: z
    .number()
    .min(0)
    .max(0.5)
    .default(0.1)
    .describe(
      'Share of the texts that are kept from learning, to measure the tokenizer on; 0: measured on what it has learned from',
    ),
});
export type TokenizerParams = z.output<typeof tokenizerParams>;

const smokeText = (): string =>
  Array.from(
    { length: 60 },
    (_, i) =>
      `The lowest newer widest rivers flow to the sea ${i % 9}.\n白日依山尽，黄河入海流。欲穷千里目，更上一层楼。\n`,
  ).join('');

export default defineRecipe({
  name: 'language/tokenizer',
  version: 1,
  queue: 'train',
  title: { en: 'Tokenizer', zh: '分词器' },
  summary: {
    en: 'Learns how to cut text into tokens, by byte pair encoding, WordPiece, a unigram model, characters or words, and writes a tokenizer.json that other tools read.',
    zh: '从文本学习如何切分词元：字节对编码、WordPiece、一元模型、字符或词，并写出其他工具也能读取的 tokenizer.json。',
  },
  catalog: ['tokenization', 'byte-pair-encoding', 'wordpiece', 'unigram-tokenizer'],
  params: tokenizerParams,
  inputs: { data: { kind: 'dataset', description: { en: 'Texts to learn from', zh: '用于学习的文本' } } },
  outputs: {
    tokenizer: {
      kind: 'file',
      description: {
        en: 'The file tokenizer.json, an input of language models',
        zh: 'tokenizer.json 文件，可作为语言模型的输入',
      },
    },
    report: {
      kind: 'report',
      description: {
        en: 'Vocabulary, and tokens per word and per byte of held-out text',
        zh: '词表统计，以及留出文本上每词、每字节的词元数',
      },
    },
  },
  resumable: false,
  light: true,
  smoke: { params: { type: 'unigram', vocab_size: 120 }, inputs: { data: { format: 'text', dataset: smokeText } } },
  run: () => import('./tokenizer.run.js'),
});
