import type { HashedNgrams } from '@strata/contracts';

/*
 * A text is normalised (Unicode NFKC, then lower case when asked), cut into tokens, and its n-grams are hashed:
 *
 *   token      a run of letters, marks and digits of scripts that put spaces between words; or one character of Han, Hiragana, Katakana,
 *              Thai, Lao, Khmer or Myanmar; or one punctuation mark or symbol. White space only separates.
 *   word       n tokens in a row, joined by one space.
 *   character  n code points in a row of the text with white space collapsed to single spaces and one space put before and after it.
 *   hash       FNV-1a, 32 bits (Fowler, Noll, Vo), over the byte 0x77 ('w') for a word or 0x63 ('c') for a character n-gram and then the UTF-8 bytes of
 *              the n-gram, followed by the 32-bit finaliser of MurmurHash3 (Appleby), which spreads FNV's weak low bits.
 *   id         1 + hash mod buckets; 0 is padding.
 *
 * Word n-grams come first, shortest first and by position, then character n-grams in the same order; what goes beyond `max_ngrams` is dropped.
 * Repeated n-grams stay, so an average over them weighs by frequency.
 */

const TOKEN =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]\p{M}*|(?:(?![\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}])[\p{L}\p{M}\p{N}])+|[^\s\p{L}\p{M}\p{N}]/gu;

const WORD = 0x77;
const CHARACTER = 0x63;
const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;
const encoder = new TextEncoder();

/** FNV-1a over `tag` and `bytes[from, to)`, then MurmurHash3's fmix32: an unsigned 32-bit number. */
function hashBytes(tag: number, bytes: Uint8Array, from: number, to: number): number {
  let h = Math.imul(FNV_OFFSET ^ tag, FNV_PRIME);
  for (let i = from; i < to; i++) h = Math.imul(h ^ (bytes[i] as number), FNV_PRIME);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

export function normaliseText(text: string, lowercase: boolean): string {
  const nfkc = text.normalize('NFKC');
  return lowercase ? nfkc.toLowerCase() : nfkc;
}

/** Tokens of a normalised text, as described at the top of this file. */
export function tokens(text: string): string[] {
  return text.match(TOKEN) ?? [];
}

/** Byte offsets at which each unit begins, and the end: n units in a row are `[offsets[i], offsets[i + n] - gap)`. */
interface Units {
  bytes: Uint8Array;
  offsets: number[];
  gap: number;
}

function wordUnits(text: string): Units {
  const words = tokens(text);
  const bytes = encoder.encode(words.join(' ') + ' ');
  const offsets = [0];
  for (let i = 0; i < bytes.length; i++) if (bytes[i] === 0x20) offsets.push(i + 1);
  return { bytes, offsets: words.length === 0 ? [0] : offsets, gap: 1 };
}

function characterUnits(text: string): Units {
  const collapsed = text.replace(/\s+/gu, ' ').trim();
  if (collapsed === '') return { bytes: new Uint8Array(0), offsets: [0], gap: 0 };
  const bytes = encoder.encode(` ${collapsed} `);
  const offsets: number[] = [];
  // a code point begins at every byte that is not a continuation byte 10xxxxxx
  for (let i = 0; i < bytes.length; i++) if (((bytes[i] as number) & 0xc0) !== 0x80) offsets.push(i);
  offsets.push(bytes.length);
  return { bytes, offsets, gap: 0 };
}

function collect(out: number[], units: Units, tag: number, range: readonly [number, number], spec: HashedNgrams): void {
  const { bytes, offsets, gap } = units;
  const count = offsets.length - 1;
  if (range[1] < 1) return;
  for (let n = Math.max(1, range[0]); n <= range[1]; n++)
    for (let i = 0; i + n <= count; i++) {
      if (out.length >= spec.max_ngrams) return;
      out.push(1 + (hashBytes(tag, bytes, offsets[i] as number, (offsets[i + n] as number) - gap) % spec.buckets));
    }
}

/** Ids of a text's n-grams: 1 to `buckets`, at most `max_ngrams` of them, none for an empty text. Same text, same ids, on every machine. */
export function hashNgrams(text: string, spec: HashedNgrams): Int32Array {
  const normal = normaliseText(text, spec.lowercase);
  const out: number[] = [];
  if (spec.word_ngrams[1] > 0) collect(out, wordUnits(normal), WORD, spec.word_ngrams, spec);
  if (spec.char_ngrams[1] > 0) collect(out, characterUnits(normal), CHARACTER, spec.char_ngrams, spec);
  return Int32Array.from(out);
}

export interface NgramBatch {
  /** int64 [N, L], row-major, padded with 0. */
  readonly ids: BigInt64Array;
  readonly shape: [number, number];
}

/** Rows of ids as one tensor: L is the longest row (at least 1), or `length` when given; longer rows are cut. */
export function padIds(rows: readonly Int32Array[], length?: number): NgramBatch {
  const L = length ?? rows.reduce((most, r) => Math.max(most, r.length), 1);
  const ids = new BigInt64Array(rows.length * L);
  for (const [r, row] of rows.entries())
    for (let i = 0; i < Math.min(L, row.length); i++) ids[r * L + i] = BigInt(row[i] as number);
  return { ids, shape: [rows.length, L] };
}

/** A batch of texts as the `ids` input of a text model; a missing text has no n-grams. */
export function hashNgramsBatch(texts: readonly (string | null)[], spec: HashedNgrams, length?: number): NgramBatch {
  return padIds(
    texts.map((t) => hashNgrams(t ?? '', spec)),
    length,
  );
}
