import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { StrataError } from '@strata/kernel';
import { isMap, isSeq, LineCounter, parseDocument } from 'yaml';
import { Entry } from './schema.js';

/** An entry and where it was written, so that a complaint can name the place. */
export interface Placed {
  readonly entry: Entry;
  readonly file: string;
  readonly line: number;
}

const broken = (message: string, file: string, line?: number): StrataError =>
  new StrataError('invalid_data', `catalog content ${file}${line ? `:${line}` : ''}: ${message}`, {
    where: { file, ...(line ? { line } : {}) },
  });

/**
 * The entries of one content file, a YAML list.
 * @throws StrataError `invalid_data`, naming file, line and field
 */
export function parseContent(text: string, file: string): Placed[] {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true });
  const [error] = document.errors;
  if (error) throw broken(error.message, file, lines.linePos(error.pos[0]).line);
  if (!isSeq(document.contents)) throw broken('it must be a list of entries', file);
  return document.contents.items.map((item) => {
    if (!isMap(item)) throw broken('an entry must be a map with slug, kind, name and summary', file);
    const line = lines.linePos(item.range?.[0] ?? 0).line;
    const parsed = Entry.safeParse(item.toJS(document));
    if (parsed.success) return { entry: parsed.data, file, line };
    const issue = parsed.error.issues[0];
    throw broken(`${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'not an entry'}`, file, line);
  });
}

/** All entries of a folder's `*.yaml`, in the order of file names. */
export async function readContent(dir: string): Promise<Placed[]> {
  const files = (await readdir(dir)).filter((f) => f.endsWith('.yaml')).sort();
  if (!files.length)
    throw new StrataError('invalid_configuration', `there is no .yaml file in ${dir}: set CONTENT_DIR to the content`);
  const parts = await Promise.all(files.map(async (f) => parseContent(await readFile(path.join(dir, f), 'utf8'), f)));
  return parts.flat();
}
