import { editDistance } from './distance.js';

/** Words that begin so or are spelt nearly so. */
export interface Near {
  readonly word: string;
  readonly distance: number;
}
export interface Lexicon {
  has(word: string): boolean;
  /** The first `most` words with this beginning, short ones first, and not the beginning itself. */
  completions(beginning: string, most: number): string[];
  /** Words within some edits, nearest first. */
  near(word: string, edits: number): Near[];
}

const EDGE = '\u0000';
/** Completions that are looked at before the shortest are taken. */
const RANGE = 256;

const bigramsOf = (word: string): Set<string> => {
  const text = `${EDGE}${word}${EDGE}`;
  const found = new Set<string>();
  for (let i = 0; i + 1 < text.length; i++) found.add(text.slice(i, i + 2));
  return found;
};

/**
 * A sorted list of words with an index of their pairs of letters. One edit touches at most two pairs, or three when it exchanges neighbours, so
 * words that share too few pairs with the one sought need not be compared (counting filter, Ukkonen 1992).
 */
export function createLexicon(words: Iterable<string>): Lexicon {
  const sorted = [...new Set(words)].sort();
  const known = new Set(sorted);
  const counts = new Map<string, number>();
  for (const w of sorted) for (const g of bigramsOf(w)) counts.set(g, (counts.get(g) ?? 0) + 1);
  const lists = new Map([...counts].map(([g, n]) => [g, { ids: new Uint32Array(n), used: 0 }]));
  sorted.forEach((w, id) => {
    for (const g of bigramsOf(w)) {
      const list = lists.get(g);
      if (list) list.ids[list.used++] = id;
    }
  });
  const shared = new Uint8Array(sorted.length);

  const firstNotBefore = (text: string): number => {
    let [low, high] = [0, sorted.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((sorted[middle] ?? '') < text) low = middle + 1;
      else high = middle;
    }
    return low;
  };

  return {
    has: (word) => known.has(word),
    completions(beginning, most) {
      const from = firstNotBefore(beginning);
      const found: string[] = [];
      for (let i = from; i < Math.min(sorted.length, from + RANGE); i++) {
        const word = sorted[i] ?? '';
        if (!word.startsWith(beginning)) break;
        if (word !== beginning) found.push(word);
      }
      return found.sort((a, b) => a.length - b.length || (a < b ? -1 : 1)).slice(0, most);
    },
    near(word, edits) {
      const grams = bigramsOf(word);
      const needed = grams.size - 3 * edits;
      const found: Near[] = [];
      const compare = (candidate: string): void => {
        if (Math.abs(candidate.length - word.length) > edits) return;
        const distance = editDistance(word, candidate, edits);
        if (distance <= edits) found.push({ word: candidate, distance });
      };
      // so short a word may share no pair with what it was meant to be
      if (needed < 1) sorted.forEach(compare);
      else {
        const seen: number[] = [];
        for (const g of grams) for (const id of lists.get(g)?.ids ?? []) if (shared[id]!++ === 0) seen.push(id);
        for (const id of seen) {
          if (shared[id]! >= needed) compare(sorted[id]!);
          shared[id] = 0;
        }
      }
      return found.sort((a, b) => a.distance - b.distance || (a.word < b.word ? -1 : 1));
    },
  };
}
