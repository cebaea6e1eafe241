import type { Entry } from '../schema.js';

/** Lists in one cell; a bar inside an item is written as `\|`. */
const SEPARATOR = '|';
const joined = (items: readonly string[]): string =>
  items.map((i) => i.replaceAll('\\', '\\\\').replaceAll('|', '\\|')).join(SEPARATOR);
const split = (cell: string): string[] => {
  const items: string[] = [];
  let item = '';
  for (let i = 0; i < cell.length; i++) {
    const c = cell[i] as string;
    if (c === '\\' && i + 1 < cell.length) item += cell[++i];
    else if (c === SEPARATOR) {
      items.push(item.trim());
      item = '';
    } else item += c;
  }
  return [...items, item.trim()].filter(Boolean);
};

type Path = readonly string[];
type Type = 'text' | 'number' | 'flag' | 'list' | 'edges';
interface Column {
  readonly name: string;
  readonly path: Path;
  readonly type: Type;
}

const column = (name: string, path: Path, type: Type = 'text'): Column => ({ name, path, type });
const both = (name: string, path: Path, type: Type = 'text'): Column[] => [
  column(`${name}_en`, [...path, 'en'], type),
  column(`${name}_zh`, [...path, 'zh'], type),
];

/** An entry as one row: these columns, in this order. Formats of tables and of graphs share them. */
export const COLUMNS: readonly Column[] = [
  column('slug', ['slug']),
  column('kind', ['kind']),
  ...both('name', ['name']),
  ...both('aliases', ['aliases'], 'list'),
  ...both('summary', ['summary']),
  ...both('body', ['body']),
  column('tags', ['tags'], 'list'),
  column('references', ['references'], 'list'),
  column('runnable', ['runnable'], 'flag'),
  column('openness', ['facets', 'openness']),
  column('region', ['facets', 'region']),
  column('since', ['facets', 'since'], 'number'),
  column('formula', ['method', 'formula']),
  ...both('inputs', ['method', 'inputs']),
  ...both('outputs', ['method', 'outputs']),
  ...both('when', ['method', 'when']),
  ...both('complexity', ['method', 'complexity']),
  column('value', ['figure', 'value'], 'number'),
  ...both('unit', ['figure', 'unit']),
  column('date', ['figure', 'date']),
  ...both('scope', ['figure', 'scope']),
  column('source', ['figure', 'source']),
  column('sum_of', ['figure', 'check', 'sum'], 'list'),
  column('percent_part', ['figure', 'check', 'percent', 'part']),
  column('percent_whole', ['figure', 'check', 'percent', 'whole']),
  column('percent_decimals', ['figure', 'check', 'percent', 'decimals'], 'number'),
  column('title', ['citation', 'title']),
  column('authors', ['citation', 'authors']),
  column('year', ['citation', 'year'], 'number'),
  column('venue', ['citation', 'venue']),
  column('arxiv', ['citation', 'arxiv']),
  column('doi', ['citation', 'doi']),
  column('url', ['citation', 'url']),
  column('edges', ['edges'], 'edges'),
];

const valueAt = (of: unknown, path: Path): unknown =>
  path.reduce<unknown>((v, key) => (v as Record<string, unknown> | undefined)?.[key], of);

/** `applied-in:fine-tuning|uses:transformer`. */
const edgesText = (edges: Entry['edges']): string =>
  joined(Object.entries(edges).flatMap(([kind, targets]) => targets.map((to) => `${kind}:${to}`)));

/** Cells by column, without empty ones. */
export function flatten(entry: Entry): Record<string, string> {
  const row: Record<string, string> = {};
  for (const { name, path, type } of COLUMNS) {
    const value = valueAt(entry, path);
    const cell =
      type === 'list'
        ? joined((value as string[] | undefined) ?? [])
        : type === 'edges'
          ? edgesText(entry.edges)
          : type === 'flag'
            ? value === true
              ? 'true'
              : ''
            : String(value ?? '');
    if (cell !== '') row[name] = cell;
  }
  return row;
}

/** An entry as a schema reads it, from cells by column. What is not a number or flag stays text, for the schema to refuse. */
export function unflatten(row: Readonly<Record<string, string>>): Record<string, unknown> {
  const entry: Record<string, unknown> = {};
  for (const { name, path, type } of COLUMNS) {
    const cell = row[name];
    if (cell === undefined || cell === '') continue;
    let value: unknown = cell;
    if (type === 'number') value = cell.trim() !== '' && Number.isFinite(Number(cell)) ? Number(cell) : cell;
    else if (type === 'flag') value = /^(true|1|yes)$/i.test(cell) ? true : /^(false|0|no)$/i.test(cell) ? false : cell;
    else if (type === 'list') value = split(cell);
    else if (type === 'edges') value = edgesOfText(cell);
    let at = entry;
    for (const key of path.slice(0, -1)) at = (at[key] ??= {}) as Record<string, unknown>;
    at[path.at(-1) as string] = value;
  }
  return entry;
}

function edgesOfText(cell: string): Record<string, string[]> {
  const edges: Record<string, string[]> = {};
  for (const item of split(cell)) {
    const colon = item.indexOf(':');
    // without a colon the schema complains of an unknown kind of edge, by this name
    const [kind, to] = colon < 0 ? [item, ''] : [item.slice(0, colon), item.slice(colon + 1)];
    (edges[kind] ??= []).push(to);
  }
  return edges;
}

/** Column that a path of the schema stands for, for messages. */
export function columnAt(path: readonly PropertyKey[]): string {
  const text = path.map(String);
  const found =
    COLUMNS.find((c) => c.path.every((key, i) => text[i] === key)) ??
    COLUMNS.find((c) => text.every((key, i) => c.path[i] === key));
  return found?.name ?? text.join('.');
}
