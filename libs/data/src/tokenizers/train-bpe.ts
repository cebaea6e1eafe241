import { alphabetOf, type Counts } from './train-counts.js';

export interface TrainLimits {
  /** Tokens that get the first ids. */
  readonly special: readonly string[];
  /** Tokens besides those. */
  readonly room: number;
  /** Occurrences that a new token needs. */
  readonly least: number;
}

const PAIR = 2 ** 26;

/** Binary heap of pairs, the most frequent first and of equals the pair of smaller ids; counts may be out of date. */
class PairHeap {
  readonly #keys: number[] = [];
  readonly #counts: number[] = [];

  #before(i: number, j: number): boolean {
    const n = this.#counts[i] as number;
    const m = this.#counts[j] as number;
    return n !== m ? n > m : (this.#keys[i] as number) < (this.#keys[j] as number);
  }
  #swap(i: number, j: number): void {
    const { [i]: k, [j]: l } = this.#keys;
    const { [i]: n, [j]: m } = this.#counts;
    this.#keys[i] = l as number;
    this.#keys[j] = k as number;
    this.#counts[i] = m as number;
    this.#counts[j] = n as number;
  }
  push(key: number, count: number): void {
    this.#keys.push(key);
    let i = this.#counts.push(count) - 1;
    while (i > 0) {
      const up = (i - 1) >> 1;
      if (!this.#before(i, up)) break;
      this.#swap(i, up);
      i = up;
    }
  }
  pop(): readonly [number, number] | undefined {
    const n = this.#keys.length;
    if (n === 0) return undefined;
    this.#swap(0, n - 1);
    const top = [this.#keys.pop() as number, this.#counts.pop() as number] as const;
    for (let i = 0; ;) {
      let best = i;
      for (const down of [2 * i + 1, 2 * i + 2]) if (down < n - 1 && this.#before(down, best)) best = down;
      if (best === i) return top;
      this.#swap(i, best);
      i = best;
    }
  }
}

/**
 * Byte pair encoding (Sennrich, Haddow, Birch 2016): the most frequent pair of neighbours becomes a token, again and again, until there is no room or no pair occurs `least`
 * times. Of equally frequent pairs the one of smaller ids is taken, as in Hugging Face's trainer, so that both learn the same merges.
 */
export function trainBpe(
  counts: Counts,
  options: TrainLimits & { readonly suffix: string; readonly alphabet: Iterable<string> },
): { tokens: string[]; merges: [string, string][] } {
  const { special, room, least, suffix } = options;
  const tokens = [...special, ...alphabetOf(counts, room, options.alphabet)];
  const ids = new Map(tokens.map((t, i) => [t, i]));
  const end = special.length + room;
  const add = (token: string): number | undefined => {
    const known = ids.get(token);
    if (known !== undefined) return known;
    if (tokens.length >= end) return undefined;
    const id = tokens.push(token) - 1;
    ids.set(token, id);
    return id;
  };
  const words: number[][] = [];
  const weights: number[] = [];
  for (const [piece, n] of counts) {
    const characters = [...piece];
    const word: number[] = [];
    for (const [i, c] of characters.entries()) {
      const id = suffix !== '' && i === characters.length - 1 ? add(c + suffix) : ids.get(c);
      if (id !== undefined) word.push(id);
    }
    words.push(word);
    weights.push(n);
  }
  const pairs = new Map<number, number>();
  const where = new Map<number, Set<number>>();
  const touch = (key: number, word: number, by: number): void => {
    pairs.set(key, (pairs.get(key) ?? 0) + by);
    if (by <= 0) return;
    const set = where.get(key);
    if (set) set.add(word);
    else where.set(key, new Set([word]));
  };
  words.forEach((word, w) => {
    for (let i = 0; i + 1 < word.length; i++)
      touch((word[i] as number) * PAIR + (word[i + 1] as number), w, weights[w] as number);
  });
  const heap = new PairHeap();
  for (const [key, n] of pairs) heap.push(key, n);

  const merges: [string, string][] = [];
  while (tokens.length < end) {
    const top = heap.pop();
    if (!top) break;
    const [key, n] = top;
    const now = pairs.get(key) ?? 0;
    if (n !== now) {
      if (now > 0) heap.push(key, now);
      continue;
    }
    if (n < Math.max(1, least)) break;
    const a = Math.floor(key / PAIR);
    const b = key % PAIR;
    const id = add((tokens[a] as string) + (tokens[b] as string)) as number;
    merges.push([tokens[a] as string, tokens[b] as string]);
    const changed = new Set<number>();
    for (const w of where.get(key) ?? []) {
      const word = words[w] as number[];
      const weight = weights[w] as number;
      let out = 0;
      for (let i = 0; i < word.length; i++) {
        const x = word[i] as number;
        if (x !== a || word[i + 1] !== b) {
          word[out++] = x;
          continue;
        }
        if (out > 0) {
          const before = word[out - 1] as number;
          touch(before * PAIR + a, w, -weight);
          touch(before * PAIR + id, w, weight);
          changed.add(before * PAIR + id);
        }
        const after = word[i + 2];
        if (after !== undefined) {
          touch(b * PAIR + after, w, -weight);
          touch(id * PAIR + after, w, weight);
          changed.add(id * PAIR + after);
        }
        word[out++] = id;
        i++;
      }
      word.length = out;
    }
    pairs.delete(key);
    where.delete(key);
    for (const k of changed) {
      const count = pairs.get(k) ?? 0;
      if (count > 0) heap.push(k, count);
    }
  }
  return { tokens, merges };
}
