import type { Encoding, Tokenizer } from './types.js';

/**
 * A text's tokens, at most `most` of them: what is too long loses its end, and what the post-processor puts around a text, such as [CLS] and [SEP], stays around the rest.
 */
export function encodeWithin(tokenizer: Tokenizer, text: string, most: number): Encoding {
  const whole = tokenizer.encode(text);
  if (whole.ids.length <= most) return whole;
  const plain = tokenizer.encode(text, { addSpecialTokens: false });
  const added = whole.ids.length - plain.ids.length;
  let before = 0;
  while (before < added && !plain.ids.every((id, i) => whole.ids[before + i] === id)) before++;
  const kept = Math.max(0, most - added);
  const end = before + plain.ids.length;
  const cut = (all: Int32Array, n: number): Int32Array =>
    Int32Array.of(...all.subarray(0, n * (before + kept)), ...all.subarray(n * end)).slice(0, n * most);
  return { ids: cut(whole.ids, 1), offsets: cut(whole.offsets, 2) };
}

export interface TokenBatch {
  /** int64 [N, L], padded at the end. */
  readonly ids: BigInt64Array;
  /** int64 [N, L], 1 for tokens and 0 for padding. */
  readonly mask: BigInt64Array;
  readonly shape: [number, number];
}

/** Rows of token ids as one batch: L is the longest row (at least 1), or `length` when given; longer rows are cut. */
export function padTokens(rows: readonly Int32Array[], padId: number, length?: number): TokenBatch {
  const L = length ?? rows.reduce((most, r) => Math.max(most, r.length), 1);
  const ids = new BigInt64Array(rows.length * L).fill(BigInt(padId));
  const mask = new BigInt64Array(rows.length * L);
  for (const [r, row] of rows.entries())
    for (let i = 0; i < Math.min(L, row.length); i++) {
      ids[r * L + i] = BigInt(row[i] as number);
      mask[r * L + i] = 1n;
    }
  return { ids, mask, shape: [rows.length, L] };
}
