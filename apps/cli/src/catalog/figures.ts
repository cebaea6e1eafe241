import type { Page } from '../api/client.js';
import type { App } from '../app.js';
import { type Args, type Command, seg, text } from '../commands/common.js';
import type { Io } from '../io.js';
import { labelled } from '../view/labelled.js';
import { fitted, table } from '../view/table.js';
import { bar } from '../view/text.js';
import { indented, shown } from '../view/wrap.js';
import type { CoverageAnswer, InsightAnswer, InsightCell, InsightInfo, MapNode, StatsAnswer } from './answers.js';
import { entriesOf } from './read.js';
import { edgeText, kindText, titled, told, widthOf } from './words.js';

const BAR = 20;

function counted(rows: readonly (readonly [string, string, number])[]): string[][] {
  const most = Math.max(1, ...rows.map(([, , n]) => n));
  return rows.map(([slug, words, n]) => [slug, words, String(n), bar(n / most, BAR).replaceAll('·', '')]);
}

export function statsText(io: Io, s: StatsAnswer): string {
  const { t } = io;
  const kinds = counted(Object.entries(s.by_kind).map(([k, n]) => [k, kindText(io, k), n] as const));
  const edges = counted(
    Object.entries(s.edges_by_kind).map(
      ([k, n]) => [k, edgeText(io, { kind: k, from: 'a', to: 'b' }, 'a'), n] as const,
    ),
  );
  return [
    t('c_size', { nodes: s.nodes, private: s.private_nodes, edges: s.edges }),
    `${t('c_version_of_map', { version: s.version })} · ${t(s.semantic ? 'c_semantic' : 'c_not_semantic')}`,
    '',
    table([t('h_kind'), '', t('h_count')], kinds),
    '',
    table([t('h_edge'), '', t('h_count')], edges),
  ].join('\n');
}

export function coverageText(io: Io, c: CoverageAnswer, missing: boolean): string {
  const { t } = io;
  const total = c.covered.length + c.missing.length;
  const rows = c.areas.map((a) => {
    const of = a.covered.length + a.missing.length;
    const name = a.slug === null ? t('c_no_area') : titled(io, { slug: a.slug, name: a.name });
    return [name, String(a.covered.length), String(of), bar(of ? a.covered.length / of : 0, BAR)];
  });
  const areas = table([t('h_area'), t('h_runs'), t('h_of')], rows);
  const without = c.missing.map((m) => [m.slug, kindText(io, m.kind), m.areas[0] ?? '', told(io, m.name)]);
  return [
    t('c_covered', { covered: c.covered.length, total }),
    '',
    areas,
    ...(missing && without.length
      ? ['', fitted([t('h_entry'), t('h_kind'), t('h_area'), t('h_name')], without, io.columns, 3)]
      : []),
  ].join('\n');
}

/** An aggregation as a table; a bar stands behind numbers where one column holds them all. */
export function insightText(io: Io, it: InsightAnswer, names: ReadonlyMap<string, MapNode>): string {
  const named = (slug: string): string => {
    const node = names.get(slug);
    return node ? titled(io, node) : shown(slug);
  };
  const first = it.columns.findIndex((c) => c.type === 'node');
  const cell = (value: InsightCell, column: number): string => {
    if (typeof value === 'number') return String(value);
    if (typeof value !== 'string') return told(io, value);
    // names of the first column of entries; what the others hold is looked up by its slug
    return column === first ? named(value) : shown(value);
  };
  const numbers = it.columns.flatMap((c, i) => (c.type === 'number' ? [i] : []));
  const [only] = numbers;
  const drawn = numbers.length === 1 && only !== undefined && (it.chart === 'bar' || it.chart === 'pie');
  const valueOf = (row: readonly InsightCell[]): number => Number(drawn ? row[only] : 0);
  const most = Math.max(...it.rows.map(valueOf), 0) || 1;
  const rows = it.rows.map((row) => [
    ...row.map(cell),
    ...(drawn ? [bar(valueOf(row) / most, BAR).replaceAll('·', '')] : []),
  ]);
  const head = it.columns.map((c) => told(io, c.label));
  const widest = first >= 0 ? first : it.columns.findIndex((c) => c.type !== 'number');
  const sources = it.sources.map(named).join(io.lang === 'zh' ? '；' : '; ');
  return [
    io.paint('bold', told(io, it.title)),
    told(io, it.about),
    '',
    rows.length ? fitted(head, rows, io.columns, widest) : io.t('nothing'),
    ...(sources ? ['', labelled([[io.t('c_sources'), sources]], widthOf(io), '')] : []),
  ].join('\n');
}

const stats: Command = (app) => ({
  command: 'stats',
  describe: app.io.t('cmd_catalog_stats'),
  handler: async () => {
    const s = await app.api.get<StatsAnswer>('/api/catalog/stats');
    app.io.document(s);
    app.io.out(statsText(app.io, s));
  },
});

const coverage: Command = (app) => ({
  command: 'coverage',
  describe: app.io.t('cmd_catalog_coverage'),
  builder: (y) => y.option('missing', { type: 'boolean', describe: app.io.t('opt_missing') }) as never,
  handler: async (args: Args) => {
    const { io } = app;
    const c = await app.api.get<CoverageAnswer>('/api/catalog/coverage');
    io.document(c);
    io.out(coverageText(io, c, args.missing === true));
    if (!io.json && args.missing !== true && c.missing.length) io.say('c_see_missing');
  },
});

async function insightNames(app: App, it: InsightAnswer): Promise<Map<string, MapNode>> {
  const nodes = it.columns.flatMap((c, i) => (c.type === 'node' ? [i] : []));
  const slugs = it.rows.flatMap((row) => nodes.map((i) => row[i]).filter((v) => typeof v === 'string'));
  return entriesOf(app, [...slugs, ...it.sources]);
}

const insight: Command = (app) => ({
  command: 'insight [name]',
  describe: app.io.t('cmd_catalog_insight'),
  builder: (y) => y.positional('name', { type: 'string', describe: app.io.t('arg_insight') }) as never,
  handler: async (args: Args) => {
    const { io, api } = app;
    const name = text(args.name);
    if (!name) {
      const page = await api.get<Page<InsightInfo>>('/api/catalog/insights');
      io.document(page);
      for (const i of page.data)
        io.out(
          `${io.paint('bold', i.name)}  ${told(io, i.title)}\n${indented(told(io, i.about), widthOf(io), '    ')}`,
        );
      return;
    }
    const it = await api.get<InsightAnswer>(`/api/catalog/insights/${seg(name)}`);
    io.document(it);
    if (!io.json) io.out(insightText(io, it, await insightNames(app, it)));
  },
});

export const figureCommands = [stats, coverage, insight];
