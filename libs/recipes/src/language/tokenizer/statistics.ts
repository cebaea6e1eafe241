import { tokens as wordsOf, type Tokenizer } from '@strata/data';

/** How a tokenizer does on texts. A type, so that it is JSON. */
export type TextStatistics = {
  readonly texts: number;
  readonly tokens: number;
  readonly characters: number;
  readonly bytes: number;
  /** Tokens of a word; a Chinese character and a punctuation mark count as words of their own. */
  readonly fertility: number;
  readonly characters_per_token: number;
  /** UTF-8 bytes of a token: how much shorter a text becomes. */
  readonly bytes_per_token: number;
  /** Share of the characters that an unknown token stands for, or that are lost. */
  readonly unknown_share: number;
  /** Share of the vocabulary that these texts use. */
  readonly vocabulary_used: number;
  /** Share of the texts that come back from their tokens unchanged. */
  readonly reversible_share: number;
};

const SPACE = /\s/u;

/** Statistics of texts under a tokenizer, special tokens left out. */
export function textStatistics(
  tokenizer: Tokenizer,
  texts: readonly string[],
  unknown: number | undefined,
): TextStatistics {
  let tokens = 0;
  let characters = 0;
  let bytes = 0;
  let words = 0;
  let unread = 0;
  let same = 0;
  const used = new Set<number>();
  for (const text of texts) {
    const { ids, offsets } = tokenizer.encode(text, { addSpecialTokens: false });
    const read = new Uint8Array(text.length);
    ids.forEach((id, i) => {
      used.add(id);
      if (id !== unknown) read.fill(1, offsets[2 * i], offsets[2 * i + 1]);
    });
    let at = 0;
    for (const c of text) {
      characters++;
      // white space that a tokenizer leaves out between words is not lost
      if (!read[at] && !SPACE.test(c)) unread++;
      at += c.length;
    }
    tokens += ids.length;
    bytes += Buffer.byteLength(text);
    words += wordsOf(text).length;
    if (tokenizer.decode(ids) === text) same++;
  }
  return {
    texts: texts.length,
    tokens,
    characters,
    bytes,
    fertility: tokens / Math.max(1, words),
    characters_per_token: characters / Math.max(1, tokens),
    bytes_per_token: bytes / Math.max(1, tokens),
    unknown_share: unread / Math.max(1, characters),
    vocabulary_used: used.size / tokenizer.vocabSize,
    reversible_share: same / Math.max(1, texts.length),
  };
}

/** Tokens by their length in characters, the longest ones, and the scripts of the vocabulary. */
export function vocabularyStatistics(tokenizer: Tokenizer): Record<string, unknown> {
  const special = new Set(tokenizer.json.added_tokens.map((t) => t.id));
  const byLength: Record<string, number> = {};
  const shown: string[] = [];
  for (const [, id] of tokenizer.vocabulary) {
    if (special.has(id)) continue;
    const text = tokenizer.decode([id]);
    const length = [...text].length;
    byLength[length] = (byLength[length] ?? 0) + 1;
    shown.push(text);
  }
  const longest = shown.sort((a, b) => b.length - a.length || (a < b ? -1 : 1)).slice(0, 20);
  return { size: tokenizer.vocabSize, special: special.size, by_length: byLength, longest };
}
