import { describe, expect, it } from '@jest/globals';
import { createRng } from '@strata/kernel';
import { editDistance } from './distance.js';
import { createLexicon } from './lexicon.js';

/** The definition, without a table: the cheapest way to take one step from the ends of both words. */
function naive(a: string, b: string): number {
  if (!a || !b) return a.length + b.length;
  const [restA, restB] = [a.slice(0, -1), b.slice(0, -1)];
  if (a.at(-1) === b.at(-1)) return naive(restA, restB);
  const ways = [naive(restA, b), naive(a, restB), naive(restA, restB)];
  if (a.at(-1) === b.at(-2) && a.at(-2) === b.at(-1)) ways.push(naive(a.slice(0, -2), b.slice(0, -2)));
  return 1 + Math.min(...ways);
}

const rng = createRng(5);
const word = (letters: string, longest: number): string =>
  Array.from(
    { length: 1 + Math.floor(rng.next() * longest) },
    () => letters[Math.floor(rng.next() * letters.length)],
  ).join('');

describe('edit distance', () => {
  it.each([
    ['transfomer', 'transformer', 1],
    ['recieve', 'receive', 1],
    ['logstic', 'logistic', 1],
    ['ca', 'abc', 3], // no letter is touched twice: the restricted form of Damerau's distance
    ['kitten', 'sitting', 3],
    ['', 'ab', 2],
  ])('%s and %s: %i', (a, b, expected) => {
    expect(editDistance(a, b, 5)).toBe(expected);
    expect(editDistance(b, a, 5)).toBe(expected);
    expect(editDistance(a, b, expected - 1)).toBe(expected);
  });

  it('is what the definition gives, up to its limit', () => {
    for (let n = 0; n < 600; n++) {
      const [a, b] = [word('abc', 6), word('abc', 6)];
      for (const most of [1, 2, 3])
        expect([a, b, editDistance(a, b, most)]).toEqual([a, b, Math.min(naive(a, b), most + 1)]);
    }
  });
});

describe('a lexicon', () => {
  const words = [...new Set(Array.from({ length: 200 }, () => word('abcde', 6)))];
  const lexicon = createLexicon(words);

  it('finds every word within some edits', () => {
    for (let n = 0; n < 30; n++) {
      const sought = word('abcde', 6);
      for (const edits of [1, 2]) {
        const expected = words.filter((w) => naive(sought, w) <= edits).sort();
        expect(
          lexicon
            .near(sought, edits)
            .map((found) => found.word)
            .sort(),
        ).toEqual(expected);
      }
    }
  });

  it('finds beginnings, the shortest words first', () => {
    const expected = words.filter((w) => w.startsWith('ab') && w !== 'ab');
    const found = lexicon.completions('ab');
    expect([...found].sort()).toEqual(expected.sort());
    expect(found.map((w) => w.length)).toEqual(found.map((w) => w.length).sort((a, b) => a - b));
    expect(lexicon.completions('zz')).toEqual([]);
  });
});
