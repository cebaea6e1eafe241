import { badTokenizer, flag } from './settings.js';
import type { Component, TokenModel } from './types.js';

/** A trie over UTF-16 units. */
export class Trie {
  readonly #children: Map<number, number>[] = [new Map()];
  readonly #values: number[] = [-1];

  set(key: string, value: number): void {
    let node = 0;
    for (let i = 0; i < key.length; i++) {
      const c = key.charCodeAt(i);
      const children = this.#children[node] as Map<number, number>;
      let next = children.get(c);
      if (next === undefined) {
        next = this.#children.push(new Map()) - 1;
        this.#values.push(-1);
        children.set(c, next);
      }
      node = next;
    }
    this.#values[node] = value;
  }

  /** Values of the keys that `s` holds at `start`, shortest first. */
  match(s: string, start: number, found: (value: number, end: number) => void): void {
    let node = 0;
    for (let i = start; i < s.length; i++) {
      const next = (this.#children[node] as Map<number, number>).get(s.charCodeAt(i));
      if (next === undefined) return;
      node = next;
      const value = this.#values[node] as number;
      if (value >= 0) found(value, i + 1);
    }
  }
}

/** An unknown character costs this much more than the rarest token (SentencePiece). */
const UNKNOWN_PENALTY = 10;

/** Unigram language model (Kudo 2018): the segmentation of highest probability, by the Viterbi algorithm. */
export function unigram(c: Component): TokenModel {
  const list = c['vocab'];
  if (!Array.isArray(list)) throw badTokenizer('its Unigram model has no list of tokens and scores', 'model.vocab');
  const entries = list as [string, number][];
  const vocabulary = new Map(entries.map(([token], id) => [token, id]));
  const scores = Float64Array.from(entries, ([, score]) => score);
  const unknown = typeof c['unk_id'] === 'number' ? c['unk_id'] : undefined;
  const fallback = flag(c, 'byte_fallback', false);
  const trie = new Trie();
  for (const [id, [token]] of entries.entries()) trie.set(token, id);
  const unknownScore = scores.reduce((a, b) => Math.min(a, b), Infinity) - UNKNOWN_PENALTY;
  const encoder = new TextEncoder();

  const tokenize: TokenModel['tokenize'] = (piece) => {
    const n = piece.length;
    const best = new Float64Array(n + 1);
    const from = new Int32Array(n + 1).fill(-1);
    const via = new Int32Array(n + 1).fill(-1);
    for (let start = 0; start < n;) {
      const length = (piece.codePointAt(start) ?? 0) > 0xffff ? 2 : 1;
      const here = best[start] as number;
      let single = false;
      trie.match(piece, start, (id, end) => {
        const score = here + (scores[id] as number);
        if (from[end] === -1 || score > (best[end] as number)) {
          best[end] = score;
          from[end] = start;
          via[end] = id;
        }
        if (end === start + length) single = true;
      });
      const end = start + length;
      if (!single && (from[end] === -1 || here + unknownScore > (best[end] as number))) {
        best[end] = here + unknownScore;
        from[end] = start;
        via[end] = -1;
      }
      start = end;
    }
    const path: [number, number, number][] = [];
    for (let end = n; end > 0; end = from[end] as number) {
      const last = path.at(-1);
      const id = via[end] as number;
      // neighbouring unknown characters are one unknown token
      if (id === -1 && last?.[0] === -1) last[1] = from[end] as number;
      else path.push([id, from[end] as number, end]);
    }
    const ids: number[] = [];
    const starts: number[] = [];
    const ends: number[] = [];
    const push = (id: number, start: number, end: number): void => {
      ids.push(id);
      starts.push(start);
      ends.push(end);
    };
    for (const [id, start, end] of path.reverse()) {
      if (id >= 0 && id !== unknown) {
        push(id, start, end);
        continue;
      }
      const bytes = fallback
        ? Array.from(encoder.encode(piece.slice(start, end)), (b) =>
            vocabulary.get(`<0x${b.toString(16).toUpperCase().padStart(2, '0')}>`),
          )
        : [];
      if (bytes.length > 0 && !bytes.includes(undefined)) for (const b of bytes) push(b as number, start, end);
      else if (unknown !== undefined) push(unknown, start, end);
      else throw badTokenizer('the text holds unknown characters, and the model has no unk_id', 'model.unk_id');
    }
    return { ids, starts, ends };
  };
  return { vocabulary, tokenize };
}
