import type { JobContext } from '@strata/contracts';
import { loadColumns, textsOf, type Tokenizer } from '@strata/data';
import { StrataError } from '@strata/kernel';
import type { SequenceTaggerParams } from './params.js';

/** A sentence: words and as many tags. */
export interface Sentence {
  readonly words: readonly string[];
  readonly tags: readonly string[];
}

/** A sentence as the network takes it. */
export interface Encoded extends Sentence {
  readonly ids: Int32Array;
  /** Place among `ids` of the first token of each word; -1 for a word that has none, or whose token was cut. */
  readonly first: Int32Array;
}

const list = (cell: string | null): string[] => (cell === null ? [] : cell.split(' ').filter((w) => w !== ''));

/** @throws StrataError `unknown_column`, `invalid_data` naming the row whose tokens and tags do not match in number */
export async function readSentences(ctx: JobContext, input: string, p: SequenceTaggerParams): Promise<Sentence[]> {
  const { path, format } = await ctx.dataset(input);
  const table = await loadColumns(path, format, {
    columns: [p.tokens_column, p.tags_column],
    types: { [p.tokens_column]: 'text', [p.tags_column]: 'text' },
    signal: ctx.signal,
  });
  const [tokens, tags] = [textsOf(table, p.tokens_column), textsOf(table, p.tags_column)];
  return tokens
    .map((cell, row) => {
      const sentence = { words: list(cell), tags: list(tags[row] ?? null) };
      if (sentence.words.length !== sentence.tags.length)
        throw new StrataError(
          'invalid_data',
          `row ${row + 1} of "${input}" has ${sentence.words.length} tokens and ${sentence.tags.length} tags. Each token needs one tag.`,
          { where: { column: p.tags_column, line: row + 1 } },
        );
      return sentence;
    })
    .filter((s) => s.words.length > 0);
}

export const textOf = (s: Sentence): string => s.words.join(' ');

/** The tokens of the whole sentence, as they will be when it is served, and where each word begins among them. */
export function encodeSentence(tokenizer: Tokenizer, s: Sentence, most: number): Encoded {
  const { ids, offsets } = tokenizer.encode(textOf(s), { addSpecialTokens: false });
  const kept = ids.subarray(0, most);
  const ends: number[] = [];
  let at = 0;
  for (const w of s.words) {
    ends.push(at + w.length);
    at += w.length + 1;
  }
  const first = new Int32Array(s.words.length).fill(-1);
  let word = 0;
  for (let i = 0; i < kept.length; i++) {
    // a token may begin with the space before its word: its last unit says where it belongs
    const last = (offsets[2 * i + 1] as number) - 1;
    while (word < ends.length && last >= (ends[word] as number)) word++;
    if (word < ends.length && first[word] === -1 && textHas(s, word, ends, last)) first[word] = i;
  }
  return { ...s, ids: kept, first };
}

const textHas = (s: Sentence, word: number, ends: readonly number[], at: number): boolean =>
  at >= (ends[word] as number) - (s.words[word] as string).length;
