import { basename } from 'node:path';
import type { ColumnType } from '@strata/contracts';
import { StrataError } from '@strata/kernel';
import { openText } from './open.js';
import type { ReadOptions, RowBatch, RowFormat } from './rows.js';

/** Columns of a dataset of tagged sentences: the tokens of a sentence and their tags, each joined by spaces. */
export const CONLL_COLUMNS: readonly { readonly name: string; readonly type: ColumnType }[] = [
  { name: 'tokens', type: 'text' },
  { name: 'tags', type: 'text' },
];

export const conllFormat: RowFormat = {
  format: 'conll',
  delimiter: '\t',
  header: false,
  columns: CONLL_COLUMNS.map(({ name }) => ({ name })),
  // a sentence may consist of "?" or of "NA"
  missing_values: [],
};

const BATCH = 1024;
const DOCUMENT = '-DOCSTART-';

/** First and last field of a line, null between sentences. @throws StrataError `invalid_data` */
function tokenOf(text: string, line: number, name: string): { token: string; tag: string } | null {
  const bare = text.trim();
  // what follows a document mark and comments of CoNLL-U (`# text = …`, which no tag follows) are no tokens
  if (bare === '' || bare.startsWith(DOCUMENT) || (bare.startsWith('# ') && !bare.includes('\t'))) return null;
  const fail = (problem: string): never => {
    throw new StrataError('invalid_data', `line ${line} of ${name} ${problem}`, { where: { file: name, line } });
  };
  const fields = bare.includes('\t') ? bare.split('\t').map((f) => f.trim()) : bare.split(/ +/);
  const [token, tag] = [fields[0], fields.at(-1)];
  if (fields.length < 2 || !token || !tag)
    return fail(
      `is "${bare.slice(0, 60)}": a token, a TAB and its tag are expected, and a blank line after each sentence.`,
    );
  if (/\s/u.test(tag)) return fail(`has the tag "${tag.slice(0, 60)}". A tag is one word, such as O or B-person.`);
  // cells join tokens by spaces, so a space inside one (a name, a number such as 10 000) becomes one that does not break
  return { token: token.replace(/[\s\u2028\u2029]/gu, '\u00a0'), tag };
}

/**
 * Sentences of a CoNLL file: a token and its tag on a line (first and last of its TAB- or space-separated fields), a blank line after each sentence. Lines of `-DOCSTART-` are skipped.
 * @throws StrataError `invalid_data` naming the line that has no tag
 */
export async function* readConll(path: string, options: ReadOptions = {}): AsyncGenerator<RowBatch> {
  const name = options.name ?? basename(path);
  const size = options.batchRows ?? BATCH;
  let start = 0;
  let rows: string[][] = [];
  let lines: number[] = [];
  let tokens: string[] = [];
  let tags: string[] = [];
  let began = 0;
  let line = 0;
  const close = (): void => {
    if (tokens.length === 0) return;
    rows.push([tokens.join(' '), tags.join(' ')]);
    lines.push(began);
    tokens = [];
    tags = [];
  };
  const take = (text: string): void => {
    for (const raw of text.split(/\r?\n/u)) {
      line++;
      const entry = tokenOf(raw, line, name);
      if (!entry) close();
      else {
        if (tokens.length === 0) began = line;
        tokens.push(entry.token);
        tags.push(entry.tag);
      }
    }
  };
  let rest = '';
  for await (const chunk of openText(path, name, options.signal)) {
    const text = rest + chunk.toString('utf8');
    const end = text.lastIndexOf('\n');
    rest = text.slice(end + 1);
    if (end >= 0) take(text.slice(0, end));
    if (rows.length < size) continue;
    yield { rows, lines, start };
    start += rows.length;
    rows = [];
    lines = [];
  }
  if (rest !== '') take(rest);
  close();
  if (rows.length > 0) yield { rows, lines, start };
}
