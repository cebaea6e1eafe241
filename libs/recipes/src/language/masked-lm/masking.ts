import type { Rng } from '@strata/kernel';

export interface MaskingOptions {
  /** Places hidden in each sequence. */
  readonly count: number;
  /** Id of the mask token. */
  readonly mask: number;
  /** Ids from which random tokens are drawn: [first, vocabSize). */
  readonly first: number;
  readonly vocabSize: number;
}

export interface Masked {
  readonly ids: Int32Array;
  /** Hidden places in ascending order, and what stood there. */
  readonly places: Int32Array;
  readonly labels: Int32Array;
}

/**
 * Hides `count` places of a sequence (Devlin et al. 2018): of the hidden ones 80 % become the mask token, 10 % a random token, 10 % stay.
 * @param begins 1 where a token begins a word: whole words are hidden, as many as fit; undefined hides single tokens
 */
export function maskTokens(tokens: Int32Array, begins: Uint8Array | undefined, rng: Rng, o: MaskingOptions): Masked {
  const words: number[][] = [];
  for (let i = 0; i < tokens.length; i++)
    if (begins?.[i] === 0 && words.length > 0) words.at(-1)?.push(i);
    else words.push([i]);
  const order = rng.shuffle(Int32Array.from(words.keys()));
  const chosen: number[] = [];
  for (const w of order) {
    if (chosen.length === o.count) break;
    // the last word that does not fit is cut, so that each sequence hides the same number of places
    chosen.push(...(words[w] ?? []).slice(0, o.count - chosen.length));
  }
  const places = Int32Array.from(chosen).sort();
  const labels = places.map((at) => tokens[at] as number);
  const ids = tokens.slice();
  for (const at of places) {
    const u = rng.next();
    if (u < 0.8) ids[at] = o.mask;
    else if (u < 0.9) ids[at] = o.first + rng.int(o.vocabSize - o.first);
  }
  return { ids, places, labels };
}
