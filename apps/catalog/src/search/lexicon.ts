import { firstWhere } from './bisect.js';
import { editDistance } from './distance.js';

/** Words that begin so or are spelt nearly so. */
export interface Near {
  readonly word: string;
  readonly distance: number;
}
export interface Lexicon {
  /** The first RANGE words with this beginning, short ones first, and not the beginning itself. */
  completions(beginning: string): string[];
  /** Words within some edits, nearest first. */
  near(word: string, edits: number): Near[];
}

const EDGE = '\u0000';
/** Completions that are looked at. */
const RANGE = 256;

const bigramsOf = (word: string): Set<string> => {
  const text = `${EDGE}${word}${EDGE}`;
  const found = new Set<string>();
  for (let i = 0; i + 1 < text.length; i++) found.add(text.slice(i, i + 2));
  return found;
};

/** Where in a sorted list the first item is that does not come before the one sought. */
const firstNotBefore = <T>(list: ArrayLike<T>, sought: T): number => firstWhere(list.length, (i) => list[i]! >= sought);

/**
 * A sorted list of words with an index of their pairs of letters, by length. One edit touches at most two pairs, or three when it exchanges
 * neighbours, so words that share too few pairs with the one sought need not be compared (counting filter, Ukkonen 1992).
 */
export function createLexicon(words: Iterable<string>): Lexicon {
  const sorted = [...new Set(words)].sort();
  const byLength = [...sorted].sort((a, b) => a.length - b.length);
  /** Where the words of each length begin. */
  const starts: number[] = [];
  byLength.forEach((w, i) => {
    while (starts.length <= w.length) starts.push(i);
  });
  const startOf = (length: number): number => starts[Math.max(0, length)] ?? byLength.length;

  const counts = new Map<string, number>();
  for (const w of byLength) for (const g of bigramsOf(w)) counts.set(g, (counts.get(g) ?? 0) + 1);
  const lists = new Map([...counts].map(([g, n]) => [g, { places: new Uint32Array(n), used: 0 }]));
  byLength.forEach((w, place) => {
    for (const g of bigramsOf(w)) {
      const list = lists.get(g);
      if (list) list.places[list.used++] = place;
    }
  });
  // room to work in: how many pairs a word shares, and which words share any
  const shared = new Uint8Array(byLength.length);
  const seen = new Uint32Array(byLength.length);

  return {
    completions(beginning) {
      const from = firstNotBefore(sorted, beginning);
      const found: string[] = [];
      for (let i = from; i < Math.min(sorted.length, from + RANGE); i++) {
        const word = sorted[i]!;
        if (!word.startsWith(beginning)) break;
        if (word !== beginning) found.push(word);
      }
      return found.sort((a, b) => a.length - b.length || (a < b ? -1 : 1));
    },
    near(word, edits) {
      const [from, to] = [startOf(word.length - edits), startOf(word.length + edits + 1)];
      const grams = bigramsOf(word);
      const needed = grams.size - 3 * edits;
      const found: Near[] = [];
      const compare = (candidate: string): void => {
        const distance = editDistance(word, candidate, edits);
        if (distance <= edits) found.push({ word: candidate, distance });
      };
      // so short a word may share no pair with what it was meant to be
      if (needed < 1) for (let place = from; place < to; place++) compare(byLength[place]!);
      else {
        let any = 0;
        for (const g of grams) {
          const places = lists.get(g)?.places ?? [];
          for (let i = firstNotBefore(places, from); i < places.length && places[i]! < to; i++)
            if (shared[places[i]!]!++ === 0) seen[any++] = places[i]!;
        }
        for (let i = 0; i < any; i++) {
          const place = seen[i]!;
          if (shared[place]! >= needed) compare(byLength[place]!);
          shared[place] = 0;
        }
      }
      return found.sort((a, b) => a.distance - b.distance || (a.word < b.word ? -1 : 1));
    },
  };
}
