import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { StrataError } from '@strata/kernel';
import { isMap, isScalar, isSeq, LineCounter, parseDocument, type Node } from 'yaml';
import { unsafeMarkdown } from './markdown.js';
import { Entry } from './schema.js';

/** An entry and where it was written, so that a complaint can name the place. */
export interface Placed {
  readonly entry: Entry;
  readonly file: string;
  readonly line: number;
}

/** One complaint about a map. */
export interface Problem {
  readonly file: string;
  readonly line?: number;
  /** Slug of the entry, where it is known. */
  readonly slug?: string;
  readonly message: string;
}

export interface Parsed {
  readonly entries: readonly Placed[];
  readonly problems: readonly Problem[];
}

export const problemText = ({ file, line, message }: Problem): string => `${file}${line ? `:${line}` : ''}: ${message}`;

/** The first problems as one error. @throws never; it is returned */
export function problemError(problems: readonly Problem[], what: string): StrataError {
  const [first] = problems;
  const shown = problems.slice(0, 20).map(problemText).join('; ');
  const more = problems.length > 20 ? `; and ${problems.length - 20} more` : '';
  return new StrataError('invalid_data', `${what}: ${shown}${more}`, {
    ...(first ? { where: { file: first.file, ...(first.line ? { line: first.line } : {}) } } : {}),
  });
}

/** The node at a path of a document, or the deepest one on the way there. */
function nodeAt(item: Node, at: readonly PropertyKey[]): Node {
  let node = item;
  for (const key of at) {
    const next = isMap(node) ? node.get(String(key), true) : isSeq(node) ? node.get(Number(key), true) : undefined;
    if (!next || typeof next !== 'object') break;
    node = next as Node;
  }
  return node;
}

function parseItem(item: Node, value: unknown, lines: LineCounter, file: string): Parsed {
  const lineOf = (node: Node): number => lines.linePos(node.range?.[0] ?? 0).line;
  if (!isMap(item))
    return {
      entries: [],
      problems: [{ file, line: lineOf(item), message: 'an entry must be a map with slug, kind, name and summary' }],
    };
  const slug = item.get('slug');
  const named = typeof slug === 'string' ? { slug } : {};
  const parsed = Entry.safeParse(value);
  if (!parsed.success)
    return {
      entries: [],
      problems: parsed.error.issues.map((issue) => ({
        file,
        line: lineOf(nodeAt(item, issue.path)),
        ...named,
        message: `${issue.path.join('.')}: ${issue.message}`,
      })),
    };
  const problems = (['en', 'zh'] as const).flatMap((language): Problem[] => {
    const unsafe = unsafeMarkdown(parsed.data.body?.[language] ?? '');
    if (!unsafe) return [];
    const body = nodeAt(item, ['body', language]);
    // the text of a block begins on the line below its `|`
    const block = isScalar(body) && (body.type === 'BLOCK_LITERAL' || body.type === 'BLOCK_FOLDED') ? 1 : 0;
    const line = lineOf(body) + block + unsafe.line - 1;
    return [{ file, line, ...named, message: `body.${language}: ${unsafe.message}` }];
  });
  return { entries: [{ entry: parsed.data, file, line: lineOf(item) }], problems };
}

/** Where the entries of a document lie, and the entries as they are to be read. */
export interface Located {
  readonly path: readonly string[];
  readonly items: readonly unknown[];
}

/**
 * The entries of a YAML or JSON document (the first includes the second), and all that is wrong with it.
 * @param locate finds the list of entries, or says why there is none
 */
export function parseValue(text: string, file: string, locate: (document: unknown) => Located | string): Parsed {
  const refused = (message: string, line = 1): Parsed => ({ entries: [], problems: [{ file, line, message }] });
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true });
  const [error] = document.errors;
  if (error) return refused(error.message, lines.linePos(error.pos[0]).line);
  let value: unknown;
  try {
    // anchors that stand for anchors could blow a small file up: the parser stops at this many
    value = document.toJS({ maxAliasCount: 100 });
  } catch (e) {
    return refused((e as Error).message);
  }
  const located = locate(value);
  if (typeof located === 'string') return refused(located);
  const list = located.path.length ? document.getIn(located.path, true) : document.contents;
  const nodes = isSeq(list) ? list.items : [];
  const parts = located.items.map((item, i) => parseItem(nodes[i] as Node, item, lines, file));
  return { entries: parts.flatMap((p) => p.entries), problems: parts.flatMap((p) => p.problems) };
}

/** The entries of one content file, a YAML list, and all that is wrong with it. */
export const parseContent = (text: string, file: string): Parsed =>
  parseValue(text, file, (document) =>
    Array.isArray(document) ? { path: [], items: document as unknown[] } : 'it must be a list of entries',
  );

/** All entries below a folder, from its `*.yaml` in the order of their paths. @throws StrataError `invalid_configuration` when there is no such file */
export async function readContent(dir: string): Promise<Parsed> {
  const names = await readdir(dir, { recursive: true }).catch((cause: unknown) => {
    throw new StrataError('invalid_configuration', `the folder ${dir} cannot be read`, { cause });
  });
  const files = names.filter((f) => f.endsWith('.yaml')).sort();
  if (!files.length) throw new StrataError('invalid_configuration', `there is no .yaml file in ${dir}`);
  const parts = await Promise.all(
    files.map(async (f) => parseContent(await readFile(path.join(dir, f), 'utf8'), f.split(path.sep).join('/'))),
  );
  return { entries: parts.flatMap((p) => p.entries), problems: parts.flatMap((p) => p.problems) };
}
