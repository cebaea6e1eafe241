import { describe, expect, it } from '@jest/globals';
import type { HashedNgrams } from '@strata/contracts';
import { hashNgrams, hashNgramsBatch, normaliseText, tokens } from './ngrams.js';

const spec = (over: Partial<HashedNgrams> = {}): HashedNgrams => ({
  kind: 'hashed-ngrams',
  buckets: 1 << 20,
  word_ngrams: [1, 1],
  char_ngrams: [0, 0],
  max_ngrams: 1000,
  lowercase: true,
  ...over,
});

/** The documented hash, written a second time with big integers and strings. */
function oracle(kind: 'w' | 'c', ngram: string): number {
  const mask = (1n << 32n) - 1n;
  let h = 0x811c9dc5n;
  for (const byte of Buffer.from(kind + ngram, 'utf8')) h = ((h ^ BigInt(byte)) * 0x01000193n) & mask;
  h = ((h ^ (h >> 16n)) * 0x85ebca6bn) & mask;
  h = ((h ^ (h >> 13n)) * 0xc2b2ae35n) & mask;
  return Number(h ^ (h >> 16n));
}
const ids = (kind: 'w' | 'c', ngrams: readonly string[], buckets = 1 << 20): number[] =>
  ngrams.map((g) => 1 + (oracle(kind, g) % buckets));

describe('tokens', () => {
  it('words of spaced scripts, single characters of Chinese, marks of punctuation', () => {
    expect(tokens('gpt-4 的API很好用，really!')).toEqual([
      'gpt', '-', '4', '的', 'API', '很', '好', '用', '，', 'really', '!',
    ]); // prettier-ignore
    expect(tokens('naïve Ελλάδα हिन्दी ๒๕ カナ')).toEqual(['naïve', 'Ελλάδα', 'हिन्दी', '๒', '๕', 'カ', 'ナ']);
    expect(tokens(' \n\t ')).toEqual([]);
  });
  it('keeps characters beyond the basic plane whole', () => {
    expect(tokens('𠮷野家😀ok')).toEqual(['𠮷', '野', '家', '😀', 'ok']);
  });
  it('normalises full width, ligatures and case', () => {
    expect(normaliseText('ＡＰＩ ﬁne', true)).toBe('api fine');
    expect(normaliseText('API', false)).toBe('API');
    // the same letter composed and decomposed
    expect(normaliseText('é', true)).toBe(normaliseText('e\u0301', true));
  });
});

describe('hashNgrams', () => {
  it('word n-grams, shortest first, against a second implementation', () => {
    expect([...hashNgrams('Big  models run', spec({ word_ngrams: [1, 2] }))]).toEqual(
      ids('w', ['big', 'models', 'run', 'big models', 'models run']),
    );
  });
  it('character n-grams over code points, with a space at both ends', () => {
    expect([...hashNgrams('大 模', spec({ word_ngrams: [0, 0], char_ngrams: [2, 3] }))]).toEqual(
      ids('c', [' 大', '大 ', ' 模', '模 ', ' 大 ', '大 模', ' 模 ']),
    );
    expect([...hashNgrams('𠮷', spec({ word_ngrams: [0, 0], char_ngrams: [3, 3] }))]).toEqual(ids('c', [' 𠮷 ']));
  });
  it('words and characters of equal text differ; equal text in other clothes does not', () => {
    const both = spec({ char_ngrams: [1, 1] });
    const [word, , character] = hashNgrams('a', both);
    expect(word).not.toBe(character);
    expect(hashNgrams('ＡＰＩ  Test', both)).toEqual(hashNgrams('api test', both));
    expect(hashNgrams('API', spec({ lowercase: false }))).not.toEqual(hashNgrams('api', spec({ lowercase: false })));
  });
  it('stays within buckets and max_ngrams', () => {
    const few = hashNgrams(
      'the quick brown fox jumps over the lazy dog',
      spec({ buckets: 7, char_ngrams: [1, 4], max_ngrams: 50 }),
    );
    expect(few).toHaveLength(50);
    expect(Math.min(...few)).toBeGreaterThanOrEqual(1);
    expect(Math.max(...few)).toBeLessThanOrEqual(7);
  });
  it('gives nothing for nothing, and does not stumble over lone surrogates', () => {
    expect(hashNgrams('', spec({ char_ngrams: [1, 3] }))).toHaveLength(0);
    expect(hashNgrams('  ', spec({ char_ngrams: [1, 3] }))).toHaveLength(0);
    expect(hashNgrams('a\ud800b', spec({ char_ngrams: [1, 2] })).length).toBeGreaterThan(0);
  });
  it('spreads n-grams evenly over the buckets', () => {
    const buckets = 64;
    const counts = new Array<number>(buckets + 1).fill(0);
    const n = 64_000;
    for (let i = 0; i < n; i++) {
      const [id] = hashNgrams(`w${i}`, spec({ buckets }));
      counts[id ?? 0] = (counts[id ?? 0] ?? 0) + 1;
    }
    // chi-squared with 63 degrees of freedom exceeds 120 with probability 2e-5
    const expected = n / buckets;
    const chi = counts.slice(1).reduce((s, c) => s + (c - expected) ** 2 / expected, 0);
    expect(counts[0]).toBe(0);
    expect(chi).toBeLessThan(120);
  });
});

describe('hashNgramsBatch', () => {
  it('pads with zero to the longest, at least one wide', () => {
    const { ids: got, shape } = hashNgramsBatch(['a b', null, 'c'], spec());
    expect(shape).toEqual([3, 2]);
    const [a, b, c] = ids('w', ['a', 'b', 'c']);
    expect([...got].map(Number)).toEqual([a, b, 0, 0, c, 0]);
    expect(hashNgramsBatch(['', null], spec()).shape).toEqual([2, 1]);
  });
  it('cuts and pads to a given length', () => {
    expect(hashNgramsBatch(['a b c', 'd'], spec(), 2)).toMatchObject({ shape: [2, 2] });
  });
});
