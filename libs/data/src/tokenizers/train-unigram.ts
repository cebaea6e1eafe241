import { alphabetOf, type Counts } from './train-counts.js';
import type { TrainLimits } from './train-bpe.js';
import { Trie } from './unigram.js';

/** Code points of the longest token. */
const LONGEST = 16;
/** Candidates to begin with, for each token wanted at the end, and the most. */
const SEEDS_PER_TOKEN = 10;
const SEEDS_MOST = 1_000_000;
/** Share of the tokens that a round keeps (Kudo 2018: 80 %; SentencePiece: 75 %). */
const KEPT = 0.75;
const ROUNDS_OF_EM = 2;
/** Expected occurrences below which a token is dropped. */
const RARE = 0.5;

interface Token {
  readonly text: string;
  readonly score: number;
}

/** ψ(x), the derivative of ln Γ, by its asymptotic series after a shift beyond 7 (Abramowitz and Stegun 6.3.18). */
function digamma(x: number): number {
  let shift = 0;
  let y = x;
  for (; y < 7; y++) shift -= 1 / y;
  y -= 0.5;
  const z = 1 / (y * y);
  return shift + Math.log(y) + z * (1 / 24 - z * (7 / 960 - z * (31 / 8064 - (z * 127) / 30_720)));
}

const logAdd = (a: number, b: number): number => {
  if (a === -Infinity) return b;
  if (b === -Infinity) return a;
  return a > b ? a + Math.log1p(Math.exp(b - a)) : b + Math.log1p(Math.exp(a - b));
};

/**
 * Substrings of 2 to 16 characters that occur twice or more, by occurrences × length. A substring is followed only where its beginning is frequent, so that memory stays near the
 * number of repeats.
 */
function substrings(counts: Counts, most: number): [string, number][] {
  const words: { readonly characters: readonly string[]; readonly n: number }[] = [];
  const alphabet = new Map<string, number>();
  for (const [piece, n] of counts) {
    const characters = [...piece];
    words.push({ characters, n });
    for (const c of characters) if (!alphabet.has(c)) alphabet.set(c, alphabet.size);
  }
  // places where a substring of the present length that occurs at least twice begins, and that substring's number
  let places: { w: number; at: number; group: number }[] = [];
  words.forEach(({ characters }, w) =>
    characters.forEach((c, at) => places.push({ w, at, group: alphabet.get(c) as number })),
  );
  const found: [string, number][] = [];
  for (let length = 2; length <= LONGEST && places.length > 0; length++) {
    const groups = new Map<number, { n: number; id: number; w: number; at: number }>();
    const keyed: [(typeof places)[number], number][] = [];
    for (const p of places) {
      const next = words[p.w]?.characters[p.at + length - 1];
      if (next === undefined) continue;
      const key = p.group * alphabet.size + (alphabet.get(next) as number);
      const g = groups.get(key);
      const n = words[p.w]?.n ?? 0;
      if (g) g.n += n;
      else groups.set(key, { n, id: groups.size, w: p.w, at: p.at });
      keyed.push([p, key]);
    }
    for (const g of groups.values())
      if (g.n >= 2) found.push([words[g.w]?.characters.slice(g.at, g.at + length).join('') ?? '', g.n]);
    places = [];
    for (const [p, key] of keyed) {
      const g = groups.get(key);
      if (g && g.n >= 2) places.push({ w: p.w, at: p.at, group: g.id });
    }
  }
  const value = ([s, n]: [string, number]): number => n * [...s].length;
  return found.sort((a, b) => value(b) - value(a) || (a[0] < b[0] ? -1 : 1)).slice(0, most);
}

const normalised = (tokens: readonly (readonly [string, number])[]): Token[] => {
  const log = Math.log(tokens.reduce((s, [, n]) => s + n, 0));
  return tokens.map(([text, n]) => ({ text, score: Math.log(n) - log }));
};

const trieOf = (tokens: readonly Token[]): Trie => {
  const trie = new Trie();
  for (const [i, t] of tokens.entries()) trie.set(t.text, i);
  return trie;
};

/** Expected occurrences of each token over all segmentations of the pieces (forward-backward), the E step. */
function expected(tokens: readonly Token[], counts: Counts, trie: Trie): Float64Array {
  const out = new Float64Array(tokens.length);
  const scores = Float64Array.from(tokens, (t) => t.score);
  for (const [piece, n] of counts) {
    const length = piece.length;
    const forward = new Float64Array(length + 1).fill(-Infinity);
    const backward = new Float64Array(length + 1).fill(-Infinity);
    forward[0] = 0;
    backward[length] = 0;
    const starts: number[] = [];
    const ends: number[] = [];
    const ids: number[] = [];
    for (let i = 0; i < length; i++) {
      if (forward[i] === -Infinity) continue;
      trie.match(piece, i, (id, end) => {
        forward[end] = logAdd(forward[end] as number, (forward[i] as number) + (scores[id] as number));
        starts.push(i);
        ends.push(end);
        ids.push(id);
      });
    }
    // a character that has no room cuts the piece off: it takes no part
    if (forward[length] === -Infinity) continue;
    for (let e = ids.length - 1; e >= 0; e--) {
      const i = starts[e] as number;
      backward[i] = logAdd(
        backward[i] as number,
        (backward[ends[e] as number] as number) + (scores[ids[e] as number] as number),
      );
    }
    const total = forward[length] as number;
    for (let e = 0; e < ids.length; e++) {
      const id = ids[e] as number;
      const log =
        (forward[starts[e] as number] as number) +
        (scores[id] as number) +
        (backward[ends[e] as number] as number) -
        total;
      out[id] = (out[id] as number) + n * Math.exp(log);
    }
  }
  return out;
}

/** New probabilities from expected occurrences: exp(ψ(n)) / exp(ψ(Σ n)), which favours few tokens (SentencePiece; Liang et al. 2007). Rare tokens go, characters stay. */
function maximised(tokens: readonly Token[], n: Float64Array, required: ReadonlySet<string>): Token[] {
  const kept: (readonly [string, number])[] = [];
  let sum = 0;
  for (const [i, t] of tokens.entries()) {
    const occurrences = n[i] as number;
    if (occurrences < RARE && !required.has(t.text)) continue;
    const held = Math.max(occurrences, RARE);
    kept.push([t.text, held]);
    sum += held;
  }
  const log = digamma(sum);
  return kept.map(([text, held]) => ({ text, score: digamma(held) - log }));
}

/** Best segmentation of `s` without the token `without`: ids, or undefined when there is none. */
function viterbi(s: string, trie: Trie, scores: Float64Array, without = -1): number[] | undefined {
  const best = new Float64Array(s.length + 1).fill(-Infinity);
  const from = new Int32Array(s.length + 1);
  const via = new Int32Array(s.length + 1);
  best[0] = 0;
  for (let i = 0; i < s.length; i++) {
    const here = best[i] as number;
    if (here === -Infinity) continue;
    trie.match(s, i, (id, end) => {
      if (id === without) return;
      const score = here + (scores[id] as number);
      if (score <= (best[end] as number)) return;
      best[end] = score;
      from[end] = i;
      via[end] = id;
    });
  }
  if (best[s.length] === -Infinity) return undefined;
  const ids: number[] = [];
  for (let end = s.length; end > 0; end = from[end] as number) ids.push(via[end] as number);
  return ids.reverse();
}

/**
 * Keeps the share of tokens whose loss would hurt the likelihood most (Kudo 2018, section 3.3): the occurrences in best segmentations times the difference of log-probability
 * between the token and the best way to write it with others.
 */
function pruned(tokens: readonly Token[], counts: Counts, required: ReadonlySet<string>, wanted: number): Token[] {
  const trie = trieOf(tokens);
  const scores = Float64Array.from(tokens, (t) => t.score);
  const occurrences = new Float64Array(tokens.length);
  let total = 0;
  for (const [piece, n] of counts)
    for (const id of viterbi(piece, trie, scores) ?? []) {
      occurrences[id] = (occurrences[id] as number) + n;
      total += n;
    }
  const losses: { token: Token; loss: number }[] = [];
  for (const [id, token] of tokens.entries()) {
    if (required.has(token.text)) continue;
    const n = occurrences[id] as number;
    const others = viterbi(token.text, trie, scores, id);
    if (!others) losses.push({ token, loss: Infinity });
    else if (n > 0) {
      const log = Math.log(total);
      // were it gone, its occurrences would become those of the others
      const after = Math.log(total + n * (others.length - 1));
      const replaced = others.reduce((s, o) => s + Math.log((occurrences[o] as number) + n) - after, 0);
      losses.push({ token, loss: (n / total) * (Math.log(n) - log - replaced) });
    }
  }
  losses.sort((a, b) => b.loss - a.loss || (a.token.text < b.token.text ? -1 : 1));
  const keep = new Set(
    losses.slice(0, Math.max(wanted - required.size, Math.floor(KEPT * losses.length))).map(({ token }) => token.text),
  );
  return tokens.filter((t) => required.has(t.text) || keep.has(t.text));
}

/**
 * Unigram language model (Kudo 2018, "Subword regularization"): from many candidate substrings, expectation maximisation gives each a probability, and those that matter least are
 * dropped until `room` are left; every character stays. Details (seeds, ψ, shares) follow SentencePiece. Returns [token, log-probability] in the order of ids.
 */
export function trainUnigram(counts: Counts, { special, room }: TrainLimits): [string, number][] {
  const required = new Set(alphabetOf(counts, room).filter((c) => !special.includes(c)));
  const single = new Map<string, number>();
  for (const [piece, n] of counts) for (const c of piece) if (required.has(c)) single.set(c, (single.get(c) ?? 0) + n);
  const known = (s: string): boolean => !special.includes(s) && [...s].every((c) => required.has(c));
  const seeds = substrings(counts, Math.min(SEEDS_MOST, Math.max(100_000, room * SEEDS_PER_TOKEN))).filter(([s]) =>
    known(s),
  );
  let tokens = normalised([...single, ...seeds]);
  while (tokens.length > 0) {
    for (let i = 0; i < ROUNDS_OF_EM; i++) {
      tokens = maximised(tokens, expected(tokens, counts, trieOf(tokens)), required);
    }
    if (tokens.length <= room * 1.1) break;
    const next = pruned(tokens, counts, required, Math.floor(room * 1.1));
    if (next.length === tokens.length) break;
    tokens = next;
  }
  const best = [...tokens].sort((a, b) => b.score - a.score || (a.text < b.text ? -1 : 1));
  const others = best.filter((t) => !required.has(t.text)).slice(0, Math.max(0, room - required.size));
  const chosen = new Set(others.map((t) => t.text));
  const lowest = Math.min(0, ...best.map((t) => t.score));
  return [
    ...special.map((t): [string, number] => [t, 0]),
    ...best
      .filter((t) => required.has(t.text) || chosen.has(t.text))
      .map((t): [string, number] => [t.text, Number.isFinite(t.score) ? t.score : lowest]),
  ];
}
