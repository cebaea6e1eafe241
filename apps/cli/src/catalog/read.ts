import type { Page, Query } from '../api/client.js';
import type { App } from '../app.js';
import { type Args, type Command, number, required, seg, text, words } from '../commands/common.js';
import { UsageError } from '../errors.js';
import { fitted } from '../view/table.js';
import type {
  MapNode,
  Neighbour,
  NodeSummary,
  PathAnswer,
  RecipeDetail,
  SearchAnswer,
  SubgraphAnswer,
} from './answers.js';
import { filterOf, withFilters } from './filters.js';
import { pathText, treeText } from './graph-view.js';
import { edgeKindsOf, kindText, modeText, told } from './words.js';

const ROUTE = '/api/catalog';
/** Slugs of 80 characters each that fit the address of one request. */
const AT_ONCE = 20;

/** Entries by their slugs, in as few requests as possible. */
export async function entriesOf({ api }: App, slugs: readonly string[]): Promise<Map<string, MapNode>> {
  const found = new Map<string, MapNode>();
  const wanted = [...new Set(slugs)];
  for (let i = 0; i < wanted.length; i += AT_ONCE) {
    const slug = wanted.slice(i, i + AT_ONCE).join(',');
    const { nodes } = await api.get<SubgraphAnswer>(`${ROUTE}/subgraph`, { slug, depth: 0 });
    for (const n of nodes) found.set(n.slug, n);
  }
  return found;
}

function nodesTable({ io }: App, nodes: readonly NodeSummary[]): string {
  const { t } = io;
  const rows = nodes.map((n) => [n.slug, kindText(io, n.kind), told(io, n.name), n.recipes.join('\n')]);
  return fitted([t('h_entry'), t('h_kind'), t('h_name'), t('h_recipe')], rows, io.columns, 2);
}

/**
 * The slug of what was written: itself where it looks like one, else that of the entry with this name or alias in either language.
 * @throws UsageError naming near ones
 */
async function slugOf({ api }: App, word: string): Promise<string> {
  if (/^[a-z0-9-]+$/.test(word)) return word;
  const { data } = await api.get<SearchAnswer>(`${ROUTE}/search`, { q: word, limit: 20 });
  const wanted = word.trim().toLowerCase();
  const named = data.find(({ node: { name, aliases } }) =>
    [name.en, name.zh, ...aliases.en, ...aliases.zh].some((n) => n.toLowerCase() === wanted),
  );
  if (named) return named.node.slug;
  const near = data.slice(0, 3).map((h) => h.node.slug);
  throw near.length
    ? new UsageError('u_no_name_near', { name: word, near: near.join(', ') })
    : new UsageError('u_no_name', { name: word });
}

const search: Command = (app) => ({
  command: 'search <query..>',
  describe: app.io.t('cmd_catalog_search'),
  builder: (y) => {
    const { t } = app.io;
    return withFilters(y.positional('query', { type: 'string', array: true, describe: t('arg_query') }), app)
      .option('limit', { type: 'number', default: 20, describe: t('opt_limit') })
      .option('offset', { type: 'number', describe: t('opt_offset') })
      .option('mode', { choices: ['plain', 'semantic', 'both'], describe: t('opt_mode') }) as never;
  },
  handler: async (args: Args) => {
    const { io, api } = app;
    const offset = number(args.offset) ?? 0;
    const query: Query = {
      q: words(args.query).join(' '),
      ...filterOf(args),
      limit: number(args.limit),
      offset: offset || undefined,
      mode: text(args.mode),
    };
    const found = await api.get<SearchAnswer>(`${ROUTE}/search`, query);
    io.document(found);
    if (found.data.length === 0) return io.out(io.t('nothing'));
    io.out(
      nodesTable(
        app,
        found.data.map((h) => h.node),
      ),
    );
    if (io.json) return;
    const next = offset + found.data.length;
    io.say('c_found', { shown: found.data.length, total: found.total, mode: modeText(io, found.mode) });
    if (next < found.total) io.say('c_more_hits', { next });
  },
});

const list: Command = (app) => ({
  command: 'list',
  describe: app.io.t('cmd_catalog_list'),
  builder: (y) =>
    withFilters(y, app)
      .option('limit', { type: 'number', default: 50, describe: app.io.t('opt_limit') })
      .option('all', { type: 'boolean', describe: app.io.t('opt_all') }) as never,
  handler: async (args: Args) => {
    const { io, api } = app;
    const most = args.all === true ? Infinity : (number(args.limit) ?? 50);
    const page: Page<MapNode> = await api.list<MapNode>(`${ROUTE}/nodes`, filterOf(args), most);
    io.document(page);
    if (page.data.length === 0) return io.out(io.t('nothing'));
    io.out(nodesTable(app, page.data));
    if (page.has_more) io.say('c_more');
  },
});

const show: Command = (app) => ({
  command: 'show <slug>',
  describe: app.io.t('cmd_catalog_show'),
  builder: (y) => y.positional('slug', { type: 'string', describe: app.io.t('arg_slug') }) as never,
  handler: async (args: Args) => {
    const { io, api } = app;
    const at = (slug: string): string => `${ROUTE}/nodes/${seg(slug)}`;
    const node = await api.get<MapNode>(at(await slugOf(app, required(args.slug))));
    const { data } = await api.get<{ data: Neighbour[] }>(`${at(node.slug)}/neighbours`);
    io.document({ ...node, neighbours: data });
    if (io.json) return;

    const others = new Map(data.map((n) => [n.node.slug, n.node]));
    const { figure } = node;
    const parts = figure
      ? [figure.source, ...figure.sum, ...(figure.percent ? [figure.percent.part, figure.percent.whole] : [])]
      : [];
    for (const [slug, found] of await entriesOf(
      app,
      parts.filter((s) => !others.has(s)),
    ))
      others.set(slug, found);

    const recipes: RecipeDetail[] = node.recipe ? [node.recipe] : [];
    for (const { edge } of data)
      if (edge.kind === 'runs-as' && edge.from === node.slug) {
        const { recipe } = await api.get<MapNode>(at(edge.to));
        if (recipe) recipes.push(recipe);
      }
    const { entryText } = await import('./entry-view.js');
    io.out(entryText(io, { node, neighbours: data, others, recipes }));
  },
});

const path: Command = (app) => ({
  command: 'path <from> <to>',
  describe: app.io.t('cmd_catalog_path'),
  builder: (y) =>
    y
      .positional('from', { type: 'string', describe: app.io.t('arg_from') })
      .positional('to', { type: 'string', describe: app.io.t('arg_to') })
      .option('edge', { type: 'string', array: true, nargs: 1, describe: app.io.t('opt_edge') })
      .option('max-length', { type: 'number', default: 12, describe: app.io.t('opt_max_length') }) as never,
  handler: async (args: Args) => {
    const { io, api } = app;
    const way = await api.get<PathAnswer>(`${ROUTE}/path`, {
      from: await slugOf(app, required(args.from)),
      to: await slugOf(app, required(args.to)),
      edge: edgeKindsOf(words(args.edge)),
      max_length: number(args['max-length']),
    });
    io.document(way);
    if (way.length === null) return io.out(io.t('c_no_way', { n: number(args['max-length']) ?? 12 }));
    io.out(pathText(io, way));
  },
});

const around: Command = (app) => ({
  command: 'around <slug>',
  describe: app.io.t('cmd_catalog_around'),
  builder: (y) =>
    y
      .positional('slug', { type: 'string', describe: app.io.t('arg_slug') })
      .option('depth', { type: 'number', default: 1, describe: app.io.t('opt_depth') })
      .option('edge', { type: 'string', array: true, nargs: 1, describe: app.io.t('opt_edge') })
      .option('limit', { type: 'number', default: 200, describe: app.io.t('opt_limit') }) as never,
  handler: async (args: Args) => {
    const { io, api } = app;
    const slug = await slugOf(app, required(args.slug));
    const found = await api.get<SubgraphAnswer>(`${ROUTE}/subgraph`, {
      slug,
      depth: number(args.depth),
      edge: edgeKindsOf(words(args.edge)),
      limit: number(args.limit),
    });
    io.document(found);
    io.out(treeText(io, slug, found));
    if (io.json) return;
    io.say('c_around', { entries: found.nodes.length, edges: found.edges.length });
    if (found.truncated) io.say('c_truncated');
  },
});

export const readCommands = [search, list, show, path, around];
