import type { Tokenizer } from '@strata/data';
import { tensor, type Tensor } from '@strata/runtime';
import { MASK, TOKENS } from './network.js';

export const PAD = '[PAD]';
export const UNKNOWN = '[UNK]';

/** Ids of each text, at most `most` of them. */
export const idsOf = (tokenizer: Tokenizer, texts: readonly (string | null)[], most: number): Int32Array[] =>
  texts.map((t) => tokenizer.encode(t ?? '', { addSpecialTokens: false }).ids.subarray(0, most));

const longest = (rows: readonly Int32Array[]): number => rows.reduce((n, r) => Math.max(n, r.length), 1);

/** Ids and mask of these rows, padded with 0 to `steps` columns, or to the longest of them. */
export function tokenFeeds(all: readonly Int32Array[], rows: Int32Array, steps?: number): Record<string, Tensor> {
  const chosen = Array.from(rows, (r) => all[r] as Int32Array);
  const width = steps ?? longest(chosen);
  const ids = new BigInt64Array(rows.length * width);
  const mask = new BigInt64Array(rows.length * width);
  for (const [i, row] of chosen.entries())
    for (let j = 0; j < Math.min(row.length, width); j++) {
      ids[i * width + j] = BigInt(row[j] as number);
      mask[i * width + j] = 1n;
    }
  const dims = [rows.length, width];
  return { [TOKENS]: tensor.int64(ids, dims), [MASK]: tensor.int64(mask, dims) };
}
