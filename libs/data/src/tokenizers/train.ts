import { StrataError } from '@strata/kernel';
import { aligned } from './aligned.js';
import { BYTE_CHARACTERS } from './byte-level.js';
import { loadTokenizer } from './load.js';
import { normalizerOf } from './normalizers.js';
import { preTokenizerOf } from './pre-tokenizers.js';
import { trainBpe } from './train-bpe.js';
import { alphabetOf, frequent, type Counts } from './train-counts.js';
import { trainUnigram } from './train-unigram.js';
import { trainWordPiece } from './train-wordpiece.js';
import type { Component, Tokenizer, TokenizerJson } from './types.js';

export const TOKENIZER_TYPES = ['bpe', 'wordpiece', 'unigram', 'char', 'word'] as const;
export type TokenizerType = (typeof TOKENIZER_TYPES)[number];

/**
 * What BPE starts from: `bytes` of UTF-8 (Radford et al. 2019; nothing is ever unknown), characters with spaces written as ▁ (`metaspace`, Kudo and Richardson 2018), or
 * characters with a mark at the end of each word (`end_of_word`, Sennrich et al. 2016).
 */
export const BPE_UNITS = ['bytes', 'metaspace', 'end_of_word'] as const;
export type BpeUnit = (typeof BPE_UNITS)[number];

export const DEFAULT_SPECIAL_TOKENS: readonly string[] = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]'];

export interface TrainTokenizerOptions {
  readonly type: TokenizerType;
  /** Tokens at most, special ones included; 8000 by default. `char` keeps every character that fits. */
  readonly vocab_size?: number;
  /** Occurrences that a merge, a word or a substring needs; 2 by default (1 for `char`). */
  readonly min_frequency?: number;
  /**
   * Get the first ids, in this order. What they are for is seen from their names: [UNK] or <unk> stands for the unknown; with [CLS] and [SEP], or <s> and </s>, `encode` puts
   * them around a text. Types that need a token for the unknown (wordpiece, unigram, word) add [UNK] when there is none.
   */
  readonly special_tokens?: readonly string[];
  readonly lowercase?: boolean;
  /** For type `bpe`; `bytes` by default. */
  readonly bpe_unit?: BpeUnit;
}

/** Everything of a tokenizer.json but its vocabulary. */
interface Plan {
  readonly normalizer: Component | null;
  readonly pre_tokenizer: Component | null;
  readonly decoder: Component | null;
}

const steps = (list: readonly (Component | null)[], key: string): Component | null => {
  const kept = list.filter((c) => c !== null);
  return kept.length > 1 ? { type: 'Sequence', [key]: kept } : (kept[0] ?? null);
};

const LOWER: Component = { type: 'Lowercase' };
const ONE_SPACE: Component = { type: 'Replace', pattern: { Regex: '\\s+' }, content: ' ' };
const TRIM: Component = { type: 'Strip', strip_left: true, strip_right: true };
/** Punctuation and symbols in pieces of their own, with the space before them: clauses of Chinese, which has no spaces, are so told apart. */
const SIGNS: Component = {
  type: 'Split',
  pattern: { Regex: ' ?[^\\s\\p{L}\\p{M}\\p{N}]+' },
  behavior: 'Isolated',
  invert: false,
};
const METASPACE: Component = { type: 'Metaspace', replacement: '▁', prepend_scheme: 'first', split: true };
const bertNormalizer = (lowercase: boolean): Component => ({
  type: 'BertNormalizer',
  clean_text: true,
  handle_chinese_chars: true,
  strip_accents: false,
  lowercase,
});
const bertWords: Component = { type: 'BertPreTokenizer' };
export const END_OF_WORD = '</w>';
export const WORDPIECE_PREFIX = '##';

function planOf(type: TokenizerType, unit: BpeUnit, lowercase: boolean): Plan {
  const lower = lowercase ? LOWER : null;
  switch (type) {
    case 'char':
      return { normalizer: lower, pre_tokenizer: null, decoder: { type: 'Fuse' } };
    case 'word':
      return { normalizer: bertNormalizer(lowercase), pre_tokenizer: bertWords, decoder: null };
    case 'wordpiece':
      return {
        normalizer: bertNormalizer(lowercase),
        pre_tokenizer: bertWords,
        decoder: { type: 'WordPiece', prefix: WORDPIECE_PREFIX, cleanup: true },
      };
    case 'bpe':
      if (unit === 'bytes') {
        const bytes: Component = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true };
        return { normalizer: steps([{ type: 'NFC' }, lower], 'normalizers'), pre_tokenizer: bytes, decoder: bytes };
      }
      if (unit === 'end_of_word')
        return {
          normalizer: steps([{ type: 'NFC' }, lower], 'normalizers'),
          pre_tokenizer: bertWords,
          decoder: { type: 'BPEDecoder', suffix: END_OF_WORD },
        };
    // falls through: both count spaces as a character
    case 'unigram':
      return {
        normalizer: steps([{ type: 'NFKC' }, lower, ONE_SPACE, TRIM], 'normalizers'),
        pre_tokenizer: { type: 'Sequence', pretokenizers: [SIGNS, METASPACE] },
        decoder: METASPACE,
      };
  }
}

/** Counts the pieces that normalizer and pre-tokenizer make of the texts. */
function countPieces(texts: Iterable<string>, plan: Plan): Counts {
  const normalize = normalizerOf(plan.normalizer);
  const pre = preTokenizerOf(plan.pre_tokenizer);
  const counts = new Map<string, number>();
  for (const text of texts) {
    for (const piece of pre(normalize(aligned(text))))
      if (piece.text !== '') counts.set(piece.text, (counts.get(piece.text) ?? 0) + 1);
  }
  return counts;
}

/** Counts of the characters alone. */
function countCharacters(texts: Iterable<string>, plan: Plan): Counts {
  const normalize = normalizerOf(plan.normalizer);
  const counts = new Map<string, number>();
  for (const text of texts) for (const c of normalize(aligned(text)).text) counts.set(c, (counts.get(c) ?? 0) + 1);
  return counts;
}

const among = (tokens: readonly string[], ...names: readonly string[]): string | undefined =>
  names.find((n) => tokens.includes(n));

/** [CLS] text [SEP], or <s> text </s>, when these tokens exist. */
function templateOf(special: readonly string[]): Component | null {
  const first = among(special, '[CLS]', '<s>');
  const last = among(special, '[SEP]', '</s>');
  if (first === undefined || last === undefined) return null;
  const token = (id: string, type_id: number): unknown => ({ SpecialToken: { id, type_id } });
  const sequence = (id: string, type_id: number): unknown => ({ Sequence: { id, type_id } });
  const defined = (id: string): unknown => ({ id, ids: [special.indexOf(id)], tokens: [id] });
  return {
    type: 'TemplateProcessing',
    single: [token(first, 0), sequence('A', 0), token(last, 0)],
    pair: [token(first, 0), sequence('A', 0), token(last, 0), sequence('B', 1), token(last, 1)],
    special_tokens: { [first]: defined(first), [last]: defined(last) },
  };
}

const numbered = (tokens: Iterable<string>): Record<string, number> => {
  const vocab: Record<string, number> = Object.create(null) as Record<string, number>;
  let id = 0;
  for (const t of tokens) if (!(t in vocab)) vocab[t] = id++;
  return vocab;
};

/**
 * Learns a tokenizer from texts. The same texts and options give the same file.
 * @throws StrataError `empty_data` when the texts hold nothing; `invalid_parameter` when the vocabulary has no room
 */
export function trainTokenizer(texts: Iterable<string>, options: TrainTokenizerOptions): Tokenizer {
  const { type } = options;
  const unit = options.bpe_unit ?? 'bytes';
  const size = options.vocab_size ?? 8000;
  const least = options.min_frequency ?? (type === 'char' ? 1 : 2);
  const special = [...(options.special_tokens ?? DEFAULT_SPECIAL_TOKENS)];
  let unknown = among(special, '[UNK]', '<unk>', '<UNK>');
  if (unknown === undefined && (type === 'wordpiece' || type === 'unigram' || type === 'word')) {
    unknown = '[UNK]';
    special.push(unknown);
  }
  const least256 = type === 'bpe' && unit === 'bytes' ? 256 : 1;
  if (size < special.length + least256)
    throw new StrataError(
      'invalid_parameter',
      `a vocabulary of ${size} has no room for ${special.length} special tokens and ${least256 === 256 ? 'the 256 bytes' : 'a single other'}. Make vocab_size larger.`,
      { where: { field: 'params.vocab_size' } },
    );
  const plan = planOf(type, unit, options.lowercase ?? false);
  const counts = type === 'char' ? countCharacters(texts, plan) : countPieces(texts, plan);
  if (counts.size === 0)
    throw new StrataError('empty_data', 'the texts hold no characters: there is nothing to learn a tokenizer from.');
  const room = size - special.length;
  const learned = (): Component => {
    const limits = { special, room, least };
    switch (type) {
      case 'char':
        return bpeModel(
          [...special, ...alphabetOf(new Map([...counts].filter(([, n]) => n >= least)), room)],
          [],
          unknown,
        );
      case 'word':
        return {
          type: 'WordLevel',
          vocab: numbered([...special, ...frequent(counts, least, room)]),
          unk_token: unknown,
        };
      case 'wordpiece':
        return {
          type: 'WordPiece',
          unk_token: unknown,
          continuing_subword_prefix: WORDPIECE_PREFIX,
          max_input_chars_per_word: 100,
          vocab: numbered(trainWordPiece(counts, limits)),
        };
      case 'unigram':
        return {
          type: 'Unigram',
          unk_id: special.indexOf(unknown as string),
          vocab: trainUnigram(counts, limits),
          byte_fallback: false,
        };
      case 'bpe': {
        const bytes = unit === 'bytes';
        const { tokens, merges } = trainBpe(counts, {
          ...limits,
          suffix: unit === 'end_of_word' ? END_OF_WORD : '',
          alphabet: bytes ? BYTE_CHARACTERS : [],
        });
        return bpeModel(tokens, merges, bytes ? undefined : unknown, unit === 'end_of_word' ? END_OF_WORD : null);
      }
    }
  };
  const model = learned();
  const json: TokenizerJson = {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: special.map((content, id) => ({
      id,
      content,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: true,
    })),
    normalizer: plan.normalizer,
    pre_tokenizer: plan.pre_tokenizer,
    post_processor: templateOf(special),
    decoder: plan.decoder,
    model,
  };
  return loadTokenizer(json);
}

function bpeModel(
  tokens: readonly string[],
  merges: readonly (readonly [string, string])[],
  unknown: string | undefined,
  suffix: string | null = null,
): Component {
  return {
    type: 'BPE',
    dropout: null,
    unk_token: unknown ?? null,
    continuing_subword_prefix: null,
    end_of_word_suffix: suffix,
    fuse_unk: false,
    byte_fallback: false,
    ignore_merges: false,
    vocab: numbered(tokens),
    merges,
  };
}
