import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { describe, expect, it } from '@jest/globals';
import { loadTokenizer, trainTokenizer, type Tokenizer, type TokenizerJson } from '../index.js';
import type { TrainTokenizerOptions } from './train.js';

// Ids, offsets and decoded texts of Hugging Face's own library, for files that it made and for files that our trainers made (tools/fixtures/hf_tokenizers.py).

const fixtures = path.join(import.meta.dirname, 'fixtures');
const unpack = (file: string): unknown =>
  JSON.parse(gunzipSync(readFileSync(path.join(fixtures, file))).toString('utf8'));
/** ids with special tokens, offsets without (two a token, in code points), decoded text without special tokens */
type Expected = readonly [number[], number[], string];
const { texts, theirs, ours } = unpack('encodings.json.gz') as {
  texts: string[];
  theirs: Record<string, { json: TokenizerJson; encodings: Expected[] }>;
  ours: Record<string, Expected[]>;
};
const corpus = readFileSync(path.join(fixtures, 'corpus.txt'), 'utf8').split('\n');

const TRAINED: Readonly<Record<string, TrainTokenizerOptions>> = {
  char: { type: 'char', special_tokens: ['[UNK]'], vocab_size: 400 },
  word: { type: 'word', vocab_size: 400, lowercase: true },
  wordpiece: { type: 'wordpiece', vocab_size: 700, lowercase: true },
  unigram: { type: 'unigram', vocab_size: 900, special_tokens: ['<unk>', '<s>', '</s>', '<pad>'] },
  'bpe-bytes': { type: 'bpe', vocab_size: 600, special_tokens: ['<|endoftext|>'] },
  'bpe-metaspace': { type: 'bpe', bpe_unit: 'metaspace', vocab_size: 900 },
  'bpe-end-of-word': { type: 'bpe', bpe_unit: 'end_of_word', vocab_size: 900, lowercase: true },
};
const trained = Object.fromEntries(
  Object.entries(TRAINED).map(([name, options]) => [name, trainTokenizer(corpus, options)]),
);
if (process.env.UPDATE_FIXTURES !== undefined)
  writeFileSync(
    path.join(fixtures, 'ours.json.gz'),
    gzipSync(JSON.stringify(Object.fromEntries(Object.entries(trained).map(([name, t]) => [name, t.json])))),
  );

/** UTF-16 position of each code point of a text, and its end. */
function units(text: string): number[] {
  const out = [0];
  for (const c of text) out.push((out.at(-1) ?? 0) + c.length);
  return out;
}

/** Where our answers differ from theirs, at most ten of them. */
function differences(t: Tokenizer, expected: readonly Expected[]): unknown[] {
  const out: unknown[] = [];
  for (const [i, text] of texts.entries()) {
    const [ids, offsets, decoded] = expected[i] as Expected;
    const at = units(text);
    const plain = t.encode(text, { addSpecialTokens: false });
    const own = {
      ids: [...t.encode(text).ids],
      decoded: t.decode(ids),
      offsets: [...plain.offsets],
    };
    const right = { ids, decoded, offsets: offsets.map((o) => at[o] ?? -1) };
    if (JSON.stringify(own) !== JSON.stringify(right) && out.length < 10) out.push({ text, own, right });
  }
  return out;
}

describe('tokenizers of Hugging Face', () => {
  it.each(Object.keys(theirs))('%s: the same ids, offsets and texts', (name) => {
    const { json, encodings } = theirs[name] as { json: TokenizerJson; encodings: Expected[] };
    expect(differences(loadTokenizer(JSON.stringify(json)), encodings)).toEqual([]);
  });
});

describe('tokenizers trained here', () => {
  it('are the files that Hugging Face’s library was given', () => {
    const given = unpack('ours.json.gz') as Record<string, TokenizerJson>;
    for (const [name, t] of Object.entries(trained))
      expect([name, JSON.parse(JSON.stringify(t.json))]).toEqual([name, given[name]]);
  });
  it.each(Object.keys(TRAINED))('%s: the same ids, offsets and texts', (name) => {
    expect(differences(trained[name] as Tokenizer, ours[name] as Expected[])).toEqual([]);
  });
});
