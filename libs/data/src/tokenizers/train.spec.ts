import { readFileSync } from 'node:fs';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from '@jest/globals';
import {
  encodeWithin,
  loadTokenizer,
  padTokens,
  trainTokenizer,
  type Tokenizer,
  type TokenizerJson,
} from '../index.js';
import { trainBpe } from './train-bpe.js';
import { trainUnigram } from './train-unigram.js';
import { trainWordPiece } from './train-wordpiece.js';

const fixtures = path.join(import.meta.dirname, 'fixtures');
const corpus = readFileSync(path.join(fixtures, 'corpus.txt'), 'utf8').split('\n');
const tokensOf = (t: Tokenizer, text: string): (string | undefined)[] =>
  [...t.encode(text, { addSpecialTokens: false }).ids].map((id) => t.idToToken(id));

describe('byte pair encoding', () => {
  it('joins the most frequent pair of the example of Sennrich et al.', () => {
    const counts = new Map([
      ['low', 5],
      ['lower', 2],
      ['newest', 6],
      ['widest', 3],
    ]);
    const { merges } = trainBpe(counts, { special: [], room: 100, least: 1, suffix: '</w>', alphabet: [] });
    // 9 × e s, then es t</w>; l o and o w occur 7 times, and so on: section 3.2 of the paper, whose ties are left open
    expect(merges.slice(0, 4)).toEqual([
      ['e', 's'],
      ['es', 't</w>'],
      ['l', 'o'],
      ['e', 'w'],
    ]);
  });
  it('learns the merges of Hugging Face’s trainer', () => {
    const { theirs } = JSON.parse(
      gunzipSync(readFileSync(path.join(fixtures, 'encodings.json.gz'))).toString('utf8'),
    ) as { theirs: Record<string, { json: TokenizerJson }> };
    const own = trainTokenizer(corpus, { type: 'bpe', vocab_size: 600, special_tokens: ['<|endoftext|>'] });
    expect(own.json.model['merges']).toEqual(theirs['gpt2']?.json.model['merges']);
    expect(own.json.model['vocab']).toEqual(theirs['gpt2']?.json.model['vocab']);
  });
});

describe('WordPiece', () => {
  const f = (x: number): number => (x > 0 ? x * Math.log(x) : 0);
  /** What joining k neighbours gains, by hand: see `trainWordPiece`. */
  const gain = (N: number, k: number, a: number, b: number): number =>
    f(k) + f(a - k) - f(a) + f(b - k) - f(b) - f(N - k) + f(N);

  it('joins the pair that raises the likelihood most', () => {
    const counts = new Map([
      ['ab', 10],
      ['ac', 30],
      ['cb', 25],
      ['qz', 22],
    ]);
    // c_a = 40, c_##b = 35, c_##c = 30, c_c = 25, c_q = c_##z = 22, N = 174
    const gains = {
      ab: gain(174, 10, 40, 35),
      ac: gain(174, 30, 40, 30),
      cb: gain(174, 25, 25, 35),
      qz: gain(174, 22, 22, 22),
    };
    const [best] = Object.entries(gains).sort((x, y) => y[1] - x[1])[0] ?? [];
    // a ##c is the most frequent pair, and not the best
    expect(best).toBe('qz');
    expect(trainWordPiece(counts, { special: [], room: 7, least: 1 })).toEqual([
      '##b',
      '##c',
      '##z',
      'a',
      'c',
      'q',
      'qz',
    ]);
  });
  it('leaves a pair that occurs less often than by chance, however frequent it is', () => {
    const counts = new Map([
      ['a', 500],
      ['ab', 10],
      ['qz', 6],
      ...[...'cdefg'].map((x): [string, number] => [`${x}b`, 5]),
    ]);
    expect(gain(582, 10, 510, 35)).toBeLessThan(0);
    const learned = trainWordPiece(counts, { special: [], room: 100, least: 6 });
    expect(learned).toContain('qz');
    expect(learned).not.toContain('ab');
  });
});

describe('unigram model', () => {
  const counts = new Map(
    ['▁hello', '▁help', '▁helmet', '▁yellow', '▁mellow'].map((w, i): [string, number] => [w, 20 + i]),
  );
  it('gives probabilities that add up, keeps every character, and prefers what repeats', () => {
    const learned = trainUnigram(counts, { special: ['<unk>'], room: 14, least: 2 });
    const tokens = learned.map(([t]) => t);
    expect(learned.length).toBeLessThanOrEqual(15);
    for (const c of new Set([...counts.keys()].join(''))) expect(tokens).toContain(c);
    // one unit of probability, but for the share of what was cut last
    const sum = learned.slice(1).reduce((s, [, score]) => s + Math.exp(score), 0);
    expect(sum).toBeGreaterThan(0.5);
    expect(sum).toBeLessThan(1.0001);
    expect(tokens.some((t) => t.length > 2)).toBe(true);
  });
  it('EM finds the words of a text without spaces', () => {
    const words = ['天地玄黄', '宇宙洪荒', '日月盈昃'];
    const clauses = new Map<string, number>();
    for (let i = 0; i < 27; i++) {
      const three = [9, 3, 1].map((d) => words[Math.floor(i / d) % 3]);
      clauses.set(three.join(''), 1);
      clauses.set(three.slice(2).join(''), 9);
    }
    const learned = trainUnigram(clauses, { special: [], room: 15, least: 2 });
    const best = learned.filter(([t]) => t.length > 1).map(([t]) => t);
    expect(best.sort()).toEqual([...words].sort());
  });
});

describe('all of them', () => {
  it.each(['bpe', 'wordpiece', 'unigram', 'char', 'word'] as const)(
    '%s: same texts, same file; no more tokens than asked for; special tokens first',
    (type) => {
      const options = { type, vocab_size: type === 'bpe' ? 400 : 900, special_tokens: ['[PAD]', '[UNK]'] };
      const first = trainTokenizer(corpus, options);
      expect(JSON.stringify(trainTokenizer(corpus, options).json)).toBe(JSON.stringify(first.json));
      expect(first.vocabSize).toBeLessThanOrEqual(options.vocab_size);
      expect([first.tokenToId('[PAD]'), first.tokenToId('[UNK]')]).toEqual([0, 1]);
      expect(JSON.stringify(loadTokenizer(JSON.stringify(first.json)).json)).toBe(JSON.stringify(first.json));
    },
  );
  it('keeps the most frequent characters when there is no room for all', () => {
    const t = trainTokenizer(['aaabbc'], { type: 'char', vocab_size: 3, special_tokens: ['[UNK]'] });
    expect([...t.vocabulary.keys()]).toEqual(['[UNK]', 'a', 'b']);
    expect(tokensOf(t, 'abc')).toEqual(['a', 'b', '[UNK]']);
  });
  it('names what is wrong', () => {
    expect(() => trainTokenizer(['x'], { type: 'bpe', vocab_size: 200 })).toThrow(
      /no room for 5 special tokens and the 256 bytes/,
    );
    expect(() => trainTokenizer([' ', ''], { type: 'word' })).toThrow(/nothing to learn/);
    expect(() => loadTokenizer('{')).toThrow(/not JSON/);
    expect(() => loadTokenizer('{"a":1}')).toThrow(/no "model"/);
    const json = trainTokenizer(['x'], { type: 'char' }).json;
    expect(() => loadTokenizer({ ...json, normalizer: { type: 'Magic' } })).toThrow(
      /normalizer "Magic" is not supported/,
    );
    expect(() => loadTokenizer({ ...json, model: { ...json.model, merges: ['x y'] } })).toThrow(
      /merge 1 \(x y\) names a token/,
    );
  });
});

describe('texts for a model', () => {
  it('cuts a long text and keeps what stands around it', () => {
    const t = trainTokenizer(['abcdef'], { type: 'char' });
    const { ids, offsets } = encodeWithin(t, 'abcdef', 5);
    expect([...ids].map((id) => t.idToToken(id))).toEqual(['[CLS]', 'a', 'b', 'c', '[SEP]']);
    expect([...offsets]).toEqual([0, 0, 0, 1, 1, 2, 2, 3, 0, 0]);
    expect([...encodeWithin(t, 'ab', 5).ids]).toHaveLength(4);
  });
  it('pads to the longest row', () => {
    const { ids, mask, shape } = padTokens([Int32Array.of(7, 8), Int32Array.of(9)], 1);
    expect(shape).toEqual([2, 2]);
    expect([...ids]).toEqual([7n, 8n, 9n, 1n]);
    expect([...mask]).toEqual([1n, 1n, 1n, 0n]);
    expect(padTokens([Int32Array.of(7, 8)], 0, 1).shape).toEqual([1, 1]);
  });
});
