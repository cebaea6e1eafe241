import { XMLBuilder, XMLParser, XMLValidator } from 'fast-xml-parser';
import { edgesOf } from '../check.js';
import type { Parsed } from '../read.js';
import type { Entry } from '../schema.js';
import { COLUMNS, flatten, unflatten } from './flat.js';
import { placed } from './placed.js';

/** http://graphml.graphdrawing.org/specification.html */
const NAMESPACE = 'http://graphml.graphdrawing.org/xmlns';
const CELLS = COLUMNS.filter((c) => c.type !== 'edges' && c.name !== 'slug');
/** Marks nodes that belong to another map. */
const EXTERNAL = 'external';
const OPTIONS = { ignoreAttributes: false, attributeNamePrefix: '@', textNodeName: '#' } as const;

/** Nodes with a `data` for each cell; edges of the map as edges, with their kind as `data`. References are edges evidence-for. */
export function writeGraphml(entries: readonly Entry[]): string {
  const inside = new Set(entries.map((e) => e.slug));
  const edges = entries.flatMap(edgesOf);
  // an edge needs both its nodes: those that are not among the entries stand without data but this mark
  const outside = [...new Set(edges.flatMap((e) => [e.from, e.to]))].filter((slug) => !inside.has(slug));
  return new XMLBuilder({ ...OPTIONS, format: true, suppressEmptyNode: true }).build({
    '?xml': { '@version': '1.0', '@encoding': 'UTF-8' },
    graphml: {
      '@xmlns': NAMESPACE,
      key: [
        ...CELLS.map((c) => ({
          '@id': c.name,
          '@for': 'node',
          '@attr.name': c.name,
          '@attr.type': c.type === 'number' ? 'double' : c.type === 'flag' ? 'boolean' : 'string',
        })),
        { '@id': EXTERNAL, '@for': 'node', '@attr.name': EXTERNAL, '@attr.type': 'boolean' },
        { '@id': 'edge_kind', '@for': 'edge', '@attr.name': 'kind', '@attr.type': 'string' },
      ],
      graph: {
        '@id': 'map',
        '@edgedefault': 'directed',
        node: [
          ...entries.map((e) => {
            const row = flatten(e);
            // references come back from the edges
            return {
              '@id': e.slug,
              data: CELLS.flatMap(({ name }) =>
                row[name] === undefined || name === 'references' ? [] : [{ '@key': name, '#': row[name] }],
              ),
            };
          }),
          ...outside.map((slug) => ({ '@id': slug, data: [{ '@key': EXTERNAL, '#': 'true' }] })),
        ],
        edge: edges.map((e) => ({ '@source': e.from, '@target': e.to, data: { '@key': 'edge_kind', '#': e.kind } })),
      },
    },
  });
}

interface Data {
  readonly '@key'?: string;
  readonly '#'?: string;
}
interface Item {
  readonly '@id'?: string;
  readonly '@source'?: string;
  readonly '@target'?: string;
  readonly data?: readonly Data[];
}
interface Document {
  readonly graphml?: {
    readonly key?: readonly { readonly '@id'?: string; readonly '@attr.name'?: string }[];
    readonly graph?: readonly { readonly node?: readonly Item[]; readonly edge?: readonly Item[] }[];
  };
}

/** Line of each `<node`, in their order. */
function linesOf(text: string): number[] {
  const lines: number[] = [];
  text.split('\n').forEach((line, i) => {
    for (const _ of line.matchAll(/<node[\s>]/g)) lines.push(i + 1);
  });
  return lines;
}

/** Entries of a GraphML file, and all that is wrong with it. Edges to entries outside of the file belong to the entry where they begin. */
export function readGraphml(text: string, file: string): Parsed {
  const refused = (message: string, line = 1): Parsed => ({ entries: [], problems: [{ file, line, message }] });
  // entities beyond the five of XML could blow a small file up to gigabytes
  if (/<!DOCTYPE/i.test(text)) return refused('a document type is not allowed');
  const valid = XMLValidator.validate(text);
  if (valid !== true) return refused(valid.err.msg, valid.err.line);
  const document = new XMLParser({
    ...OPTIONS,
    parseTagValue: false,
    parseAttributeValue: false,
    trimValues: false,
    isArray: (_, path) =>
      ['graphml.key', 'graphml.graph', 'graphml.graph.node', 'graphml.graph.edge'].includes(String(path)) ||
      /\.data$/.test(String(path)),
  }).parse(text) as Document;
  const graph = document.graphml?.graph?.[0];
  if (!graph) return refused('there is no <graphml> with a <graph>');
  const columns = new Map(document.graphml?.key?.map((k) => [k['@id'] ?? '', k['@attr.name'] ?? k['@id'] ?? '']));
  const dataOf = (item: Item): [string, string][] =>
    (item.data ?? []).map((d) => [columns.get(d['@key'] ?? '') ?? d['@key'] ?? '', d['#'] ?? '']);

  const lines = linesOf(text);
  const nodes = (graph.node ?? []).flatMap((n, i) => {
    const data = Object.fromEntries(dataOf(n));
    return data[EXTERNAL] === 'true' ? [] : [{ id: n['@id'] ?? '', entry: unflatten(data), line: lines[i] ?? 1 }];
  });
  const byId = new Map(nodes.map((n) => [n.id, n.entry]));
  const problems: Parsed['problems'][number][] = [];
  for (const e of graph.edge ?? []) {
    const [from = '', to = ''] = [e['@source'], e['@target']];
    const kind = Object.fromEntries(dataOf(e))['kind'] ?? '';
    const push = (entry: Record<string, unknown>, field: string, value: string): void => {
      const list = (entry[field] ??= []) as string[];
      list.push(value);
    };
    const source = byId.get(from);
    const target = byId.get(to);
    // written where it begins; an edge from a source to what it supports stands in the other entry's references
    if (kind === 'evidence-for' && target && (!source || source['kind'] === 'source')) push(target, 'references', from);
    else if (source) push((source['edges'] ??= {}) as Record<string, unknown>, kind, to);
    else problems.push({ file, message: `the edge ${kind} from "${from}" to "${to}" begins at no node of the file` });
  }
  const parts = nodes.map((n) => placed({ slug: n.id, ...n.entry }, file, n.line));
  return {
    entries: parts.flatMap((p) => p.entries),
    problems: [...problems, ...parts.flatMap((p) => p.problems)],
  };
}
