import { frequent, type Counts } from './train-counts.js';
import type { TrainLimits } from './train-bpe.js';

const PREFIX = '##';
const PAIR = 2 ** 26;
/** x ln x, the part of a count in the log-likelihood of a unigram model. */
const f = (x: number): number => (x <= 0 ? 0 : x * Math.log(x));

/** Binary heap of keys by score (highest first, then the smaller key) in which a key's score can change. */
class ScoreHeap {
  readonly #keys: number[] = [];
  readonly #scores: number[] = [];
  readonly #at = new Map<number, number>();

  #before(i: number, j: number): boolean {
    const s = this.#scores[i] as number;
    const t = this.#scores[j] as number;
    return s !== t ? s > t : (this.#keys[i] as number) < (this.#keys[j] as number);
  }
  #swap(i: number, j: number): void {
    const { [i]: k, [j]: l } = this.#keys as Record<number, number>;
    const { [i]: s, [j]: t } = this.#scores as Record<number, number>;
    this.#keys[i] = l as number;
    this.#keys[j] = k as number;
    this.#scores[i] = t as number;
    this.#scores[j] = s as number;
    this.#at.set(l as number, i);
    this.#at.set(k as number, j);
  }
  #settle(from: number): void {
    let i = from;
    for (let up = (i - 1) >> 1; i > 0 && this.#before(i, up); up = (i - 1) >> 1) {
      this.#swap(i, up);
      i = up;
    }
    for (;;) {
      let best = i;
      for (const down of [2 * i + 1, 2 * i + 2]) if (down < this.#keys.length && this.#before(down, best)) best = down;
      if (best === i) return;
      this.#swap(i, best);
      i = best;
    }
  }
  set(key: number, score: number): void {
    let i = this.#at.get(key);
    if (i === undefined) {
      i = this.#keys.push(key) - 1;
      this.#scores.push(score);
      this.#at.set(key, i);
    } else this.#scores[i] = score;
    this.#settle(i);
  }
  delete(key: number): void {
    const i = this.#at.get(key);
    if (i === undefined) return;
    const last = this.#keys.length - 1;
    if (i !== last) this.#swap(i, last);
    this.#keys.pop();
    this.#scores.pop();
    this.#at.delete(key);
    if (i < last) this.#settle(i);
  }
  top(): { readonly key: number; readonly score: number } | undefined {
    const key = this.#keys[0];
    return key === undefined ? undefined : { key, score: this.#scores[0] as number };
  }
}

/**
 * WordPiece (Schuster and Nakajima 2012, "Japanese and Korean voice search"; Devlin et al. 2018): the pair of neighbours becomes a token that raises the likelihood of the
 * training data most under a unigram model of the tokens. With counts c and their sum N the log-likelihood is Σ c ln c − N ln N, so joining k neighbours a b gains
 *
 *   f(k) + f(c_a − k) − f(c_a) + f(c_b − k) − f(c_b) − f(N − k) + f(N),   f(x) = x ln x.
 *
 * It ends when there is no room, or no pair that occurs `least` times gains. Returns the tokens in the order of their ids.
 */
export function trainWordPiece(counts: Counts, { special, room, least }: TrainLimits): string[] {
  const firsts = new Map<string, number>();
  for (const [piece, n] of counts) {
    let first = true;
    for (const c of piece) {
      const symbol = first ? c : PREFIX + c;
      firsts.set(symbol, (firsts.get(symbol) ?? 0) + n);
      first = false;
    }
  }
  const tokens = [...special, ...symbolsOf(firsts, room)];
  const ids = new Map(tokens.map((t, i) => [t, i]));
  const end = special.length + room;
  const words: number[][] = [];
  const weights: number[] = [];
  const c: number[] = tokens.map(() => 0);
  let N = 0;
  for (const [piece, n] of counts) {
    const word: number[] = [];
    for (const character of piece) {
      const id = ids.get(word.length === 0 ? character : PREFIX + character);
      // a character that has no room makes its word unknown
      if (id === undefined) {
        word.length = 0;
        break;
      }
      word.push(id);
    }
    for (const id of word) c[id] = (c[id] as number) + n;
    N += n * word.length;
    words.push(word);
    weights.push(n);
  }

  const pairs = new Map<number, number>();
  const where = new Map<number, Set<number>>();
  /** Pairs that each token takes part in. */
  const around: Set<number>[] = tokens.map(() => new Set());
  const touch = (key: number, word: number, by: number): void => {
    const n = (pairs.get(key) ?? 0) + by;
    pairs.set(key, n);
    if (by <= 0) return;
    const set = where.get(key);
    if (set) {
      set.add(word);
      return;
    }
    where.set(key, new Set([word]));
    around[Math.floor(key / PAIR)]?.add(key);
    around[key % PAIR]?.add(key);
  };
  words.forEach((word, w) => {
    for (let i = 0; i + 1 < word.length; i++)
      touch((word[i] as number) * PAIR + (word[i + 1] as number), w, weights[w] as number);
  });

  const gain = (key: number): number => {
    const k = pairs.get(key) ?? 0;
    if (k < Math.max(1, least)) return -Infinity;
    const a = Math.floor(key / PAIR);
    const b = key % PAIR;
    const ca = c[a] as number;
    const cb = c[b] as number;
    // of a run of one token half the pairs at most can be joined
    const parts = a === b ? f(Math.max(0, ca - 2 * k)) - f(ca) : f(ca - k) - f(ca) + f(cb - k) - f(cb);
    return f(k) + parts - f(N - k) + f(N);
  };
  const heap = new ScoreHeap();
  const score = (key: number): void => {
    const s = gain(key);
    if (s > 0) heap.set(key, s);
    else heap.delete(key);
  };
  for (const key of pairs.keys()) score(key);

  while (tokens.length < end) {
    const top = heap.top();
    if (!top) break;
    // N has fallen since this score was made, and a score falls with it: the best that stays best after a new look is the best
    const fresh = gain(top.key);
    if (fresh !== top.score) {
      score(top.key);
      continue;
    }
    const a = Math.floor(top.key / PAIR);
    const b = top.key % PAIR;
    const name = (tokens[a] as string) + (tokens[b] as string).slice(PREFIX.length);
    let id = ids.get(name);
    if (id === undefined) {
      id = tokens.push(name) - 1;
      ids.set(name, id);
      c.push(0);
      around.push(new Set());
    }
    const changed = new Set<number>();
    for (const w of where.get(top.key) ?? []) {
      const word = words[w] as number[];
      const weight = weights[w] as number;
      let out = 0;
      for (let i = 0; i < word.length; i++) {
        if (word[i] !== a || word[i + 1] !== b) {
          word[out++] = word[i] as number;
          continue;
        }
        if (out > 0) {
          const before = word[out - 1] as number;
          touch(before * PAIR + a, w, -weight);
          touch(before * PAIR + id, w, weight);
          changed.add(before * PAIR + a).add(before * PAIR + id);
        }
        const after = word[i + 2];
        if (after !== undefined) {
          touch(b * PAIR + after, w, -weight);
          touch(id * PAIR + after, w, weight);
          changed.add(b * PAIR + after).add(id * PAIR + after);
        }
        c[a] = (c[a] as number) - weight;
        c[b] = (c[b] as number) - weight;
        c[id] = (c[id] as number) + weight;
        N -= weight;
        word[out++] = id;
        i++;
      }
      word.length = out;
    }
    pairs.delete(top.key);
    where.delete(top.key);
    around[a]?.delete(top.key);
    around[b]?.delete(top.key);
    heap.delete(top.key);
    for (const t of [a, b, id]) for (const key of around[t] as Set<number>) changed.add(key);
    changed.delete(top.key);
    for (const key of changed) score(key);
  }
  return tokens;
}

/** The single symbols, the most frequent where they are too many (of equals the smaller text), in the order of their text. */
function symbolsOf(counts: Counts, room: number): string[] {
  return frequent(counts, 1, room).sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
}
