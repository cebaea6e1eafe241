import { badTokenizer, flag, textOrNull, vocabularyOf } from './settings.js';
import type { Component, Pieces, TokenModel } from './types.js';

interface Merge {
  readonly rank: number;
  readonly id: number;
}

const PAIR = 2 ** 26;
/** Positions that a key of the heap can hold; ranks stand above them. */
const POSITIONS = 2 ** 26;

/** A binary heap of numbers, smallest first. */
class Heap {
  readonly #a: number[] = [];
  push(v: number): void {
    const a = this.#a;
    let i = a.push(v) - 1;
    while (i > 0) {
      const up = (i - 1) >> 1;
      if ((a[up] as number) <= v) break;
      a[i] = a[up] as number;
      i = up;
    }
    a[i] = v;
  }
  pop(): number | undefined {
    const a = this.#a;
    const top = a[0];
    const v = a.pop();
    if (v === undefined || a.length === 0) return top;
    let i = 0;
    for (;;) {
      let down = 2 * i + 1;
      if (down >= a.length) break;
      if (down + 1 < a.length && (a[down + 1] as number) < (a[down] as number)) down++;
      if ((a[down] as number) >= v) break;
      a[i] = a[down] as number;
      i = down;
    }
    a[i] = v;
    return top;
  }
}

function mergesOf(c: Component, vocabulary: ReadonlyMap<string, number>, prefix: string): Map<number, Merge> {
  const list = c['merges'];
  if (!Array.isArray(list)) throw badTokenizer('its BPE model has no list of merges', 'model.merges');
  const merges = new Map<number, Merge>();
  for (const [rank, merge] of (list as (string | [string, string])[]).entries()) {
    const [left, right] = typeof merge === 'string' ? splitMerge(merge) : merge;
    const l = vocabulary.get(left);
    const r = vocabulary.get(right);
    const id = vocabulary.get(left + right.slice(prefix !== '' && right.startsWith(prefix) ? prefix.length : 0));
    if (l === undefined || r === undefined || id === undefined)
      throw badTokenizer(
        `merge ${rank + 1} (${left} ${right}) names a token that the vocabulary lacks`,
        'model.merges',
      );
    merges.set(l * PAIR + r, { rank, id });
  }
  return merges;
}

function splitMerge(merge: string): [string, string] {
  const at = merge.indexOf(' ');
  return [merge.slice(0, at), merge.slice(at + 1)];
}

const NONE = -1;
const CACHED = 50_000;
/** A piece longer than this is a text without a pre-tokenizer: not worth remembering. */
const CACHED_LENGTH = 64;

/**
 * Byte pair encoding (Sennrich, Haddow, Birch 2016): characters are joined pair by pair, the merge learned first before all others, the leftmost of equals first.
 */
export function bpe(c: Component): TokenModel {
  const vocabulary = vocabularyOf(c);
  const prefix = textOrNull(c, 'continuing_subword_prefix') ?? '';
  const suffix = textOrNull(c, 'end_of_word_suffix') ?? '';
  const unknownToken = textOrNull(c, 'unk_token');
  const unknown = unknownToken === null ? undefined : vocabulary.get(unknownToken);
  const fuse = flag(c, 'fuse_unk', false);
  const fallback = flag(c, 'byte_fallback', false);
  const wholeFirst = flag(c, 'ignore_merges', false);
  const merges = mergesOf(c, vocabulary, prefix);
  const encoder = new TextEncoder();

  /** Symbols before the first merge. */
  const symbols = (piece: string): { ids: number[]; starts: number[]; ends: number[] } => {
    const ids: number[] = [];
    const starts: number[] = [];
    const ends: number[] = [];
    let fusing = false;
    let at = 0;
    for (const character of piece) {
      const end = at + character.length;
      const written = (at > 0 && prefix !== '' ? prefix + character : character) + (end === piece.length ? suffix : '');
      const id = vocabulary.get(written);
      const bytes =
        id === undefined && fallback
          ? Array.from(encoder.encode(written), (b) =>
              vocabulary.get(`<0x${b.toString(16).toUpperCase().padStart(2, '0')}>`),
            )
          : [];
      if (id !== undefined || (bytes.length > 0 && !bytes.includes(undefined))) {
        for (const one of id === undefined ? (bytes as number[]) : [id]) {
          ids.push(one);
          starts.push(at);
          ends.push(end);
        }
        fusing = false;
      } else if (unknown !== undefined) {
        if (fuse && fusing) ends[ends.length - 1] = end;
        else {
          ids.push(unknown);
          starts.push(at);
          ends.push(end);
        }
        fusing = true;
      }
      at = end;
    }
    return { ids, starts, ends };
  };

  const merge = (piece: string): Pieces => {
    if (wholeFirst) {
      const id = vocabulary.get(piece);
      if (id !== undefined) return { ids: [id], starts: [0], ends: [piece.length] };
    }
    const { ids, starts, ends } = symbols(piece);
    if (merges.size === 0 || ids.length < 2) return { ids, starts, ends };
    const n = ids.length;
    const next = Int32Array.from({ length: n }, (_, i) => (i + 1 < n ? i + 1 : NONE));
    const before = Int32Array.from({ length: n }, (_, i) => i - 1);
    const heap = new Heap();
    const offer = (i: number): void => {
      const j = i === NONE ? NONE : (next[i] as number);
      if (j === NONE) return;
      const m = merges.get((ids[i] as number) * PAIR + (ids[j] as number));
      if (m) heap.push(m.rank * POSITIONS + i);
    };
    for (let i = 0; i < n; i++) offer(i);
    for (let key = heap.pop(); key !== undefined; key = heap.pop()) {
      const i = key % POSITIONS;
      if (ids[i] === NONE) continue;
      const j = next[i] as number;
      if (j === NONE) continue;
      const m = merges.get((ids[i] as number) * PAIR + (ids[j] as number));
      // the pair that this entry stood for has been merged otherwise since
      if (!m || m.rank !== Math.floor(key / POSITIONS)) continue;
      ids[i] = m.id;
      ends[i] = ends[j] as number;
      ids[j] = NONE;
      const after = next[j] as number;
      next[i] = after;
      if (after !== NONE) before[after] = i;
      offer(before[i] as number);
      offer(i);
    }
    const left: number[] = [];
    for (let i = 0; i !== NONE; i = next[i] as number) left.push(i);
    return {
      ids: left.map((i) => ids[i] as number),
      starts: left.map((i) => starts[i] as number),
      ends: left.map((i) => ends[i] as number),
    };
  };

  const cache = new Map<string, Pieces>();
  return {
    vocabulary,
    tokenize(piece) {
      const known = cache.get(piece);
      if (known) return known;
      const pieces = merge(piece);
      if (piece.length <= CACHED_LENGTH) {
        if (cache.size >= CACHED) cache.clear();
        cache.set(piece, pieces);
      }
      return pieces;
    },
  };
}
