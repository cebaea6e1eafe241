import type { JobContext } from '@strata/contracts';
import { loadColumns, readText as readFile, textsOf, trainTokenizer, type Tokenizer } from '@strata/data';
import { StrataError } from '@strata/kernel';
import { turn } from '../../shared/cancel.js';
import { tokenizerInput } from '../../shared/tokenizer.js';

export interface CorpusParams {
  readonly text_column: string;
  readonly validation_fraction: number;
  readonly tokenizer: 'char' | 'bpe' | 'wordpiece' | 'unigram' | 'word';
  readonly vocab_size: number;
}

export interface Corpus {
  readonly tokenizer: Tokenizer;
  readonly train: Tokens;
  /** Empty without validation. */
  readonly valid: Tokens;
}

/** A stream of tokens. */
export interface Tokens {
  readonly ids: Int32Array;
  /** 1 where a token begins a word: after white space, or with a character that is a word of its own, as Chinese characters are. */
  readonly begins: Uint8Array;
}

/** The text of the input `data`: a plain file as it is, a column's texts one under another. */
async function readText(ctx: JobContext, column: string): Promise<string> {
  const { path, format } = await ctx.dataset('data');
  if (format.format === 'text') return readFile(path, { signal: ctx.signal });
  const table = await loadColumns(path, format, { columns: [column], types: { [column]: 'text' }, signal: ctx.signal });
  return textsOf(table, column)
    .filter((t) => t !== null)
    .map((t) => `${t}\n`)
    .join('');
}

/** Reads the text, learns the tokenizer from its training part (or takes the one that is given) and encodes both parts. */
export async function readCorpus(ctx: JobContext, p: CorpusParams, specialTokens: readonly string[]): Promise<Corpus> {
  const text = (await readText(ctx, p.text_column)).replaceAll('\r\n', '\n');
  await turn(ctx.signal);
  // not between the halves of a character
  let cut = Math.round(text.length * (1 - p.validation_fraction));
  if (/[\uDC00-\uDFFF]/.test(text.charAt(cut))) cut++;
  const [train, valid] = [text.slice(0, cut), text.slice(cut)];
  const tokenizer = ctx.has('tokenizer')
    ? await tokenizerInput(ctx)
    : trainTokenizer(linesOf(train), {
        type: p.tokenizer,
        vocab_size: p.vocab_size,
        special_tokens: specialTokens,
      });
  await turn(ctx.signal);
  return { tokenizer, train: encode(tokenizer, train), valid: encode(tokenizer, valid) };
}

/** Lines with their line breaks. */
const linesOf = (text: string): string[] => text.match(/[^\n]*\n|[^\n]+$/g) ?? [];

const ALONE = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{P}\p{S}]/u;

function encode(tokenizer: Tokenizer, text: string): Tokens {
  const ids: number[] = [];
  const begins: number[] = [];
  for (const line of linesOf(text)) {
    const { ids: part, offsets } = tokenizer.encode(line, { addSpecialTokens: false });
    for (let i = 0; i < part.length; i++) {
      ids.push(part[i] as number);
      const source = line.slice(offsets[2 * i], offsets[2 * i + 1]);
      const before = line.charAt((offsets[2 * i] ?? 0) - 1);
      begins.push(
        i === 0 || /^\s/.test(source) || /^$|\s/.test(before) || ALONE.test(before) || ALONE.test(source) ? 1 : 0,
      );
    }
  }
  return { ids: Int32Array.from(ids), begins: Uint8Array.from(begins) };
}

/** @throws StrataError `empty_data` when a text is shorter than one sequence */
export function requireTokens(tokens: Tokens, least: number, part: string): void {
  if (tokens.ids.length < least)
    throw new StrataError(
      'empty_data',
      `the ${part} text has ${tokens.ids.length} tokens, but a step needs ${least}. Give more text, or make block_size or batch_size smaller.`,
      { where: { field: 'params.block_size' } },
    );
}
