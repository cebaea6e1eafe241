import type { RecipeManifest, WorkerView } from '@strata/contracts';
import type { Localized } from '@strata/kernel';
import type { Page } from '../api/client.js';
import { flagsOf, kindOf } from '../flags.js';
import { table } from '../view/table.js';
import { bytes, clip } from '../view/text.js';
import { type Args, type Command, number, required, seg, text } from './common.js';

interface Node {
  slug: string;
  kind: string;
  name: Localized;
  summary: Localized;
  body: Localized | null;
  recipes: string[];
}

const catalog: Command = (app) => {
  const { io, api } = app;
  const { t, lang } = io;
  const search = async (args: Args): Promise<void> => {
    const q = Array.isArray(args.query) ? args.query.join(' ') : required(args.query);
    const query = { q, kind: text(args.kind), limit: number(args.limit) };
    const hits = await api.get<{ data: { node: Node; score: number }[] }>('/api/catalog/search', query);
    io.document(hits);
    if (hits.data.length === 0) return io.out(t('nothing'));
    const rows = hits.data.map(({ node }) => [node.slug, node.kind, node.name[lang], node.recipes.join(', ')]);
    io.out(table(['', t('h_kind'), t('h_name'), t('h_recipe')], rows));
  };
  const show = async (args: Args): Promise<void> => {
    const slug = seg(required(args.slug));
    const node = await api.get<Node>(`/api/catalog/nodes/${slug}`);
    const near = await api.get<{ data: { edge: { kind: string }; node: Node }[] }>(
      `/api/catalog/nodes/${slug}/neighbours`,
    );
    io.document({ ...node, neighbours: near.data });
    io.out(`${io.paint('bold', node.name[lang])}  (${node.kind}, ${node.slug})`);
    io.out(node.summary[lang]);
    if (node.body) io.out(`\n${node.body[lang]}`);
    if (node.recipes.length) io.out(`\n${t('recipes_for_it')}: ${node.recipes.join(', ')}`);
    if (near.data.length) io.out(`\n${t('connected')}:`);
    for (const n of near.data) io.out(`  ${n.edge.kind}  ${n.node.name[lang]}  (${n.node.slug})`);
  };
  return {
    command: 'catalog <action>',
    describe: t('cmd_catalog'),
    builder: (y) =>
      y
        .command(
          'search <query..>',
          t('cmd_catalog_search'),
          (z) =>
            z
              .positional('query', { type: 'string', array: true, describe: t('arg_query') })
              .option('kind', { type: 'string', describe: t('opt_kind') })
              .option('limit', { type: 'number', default: 20, describe: t('opt_limit') }),
          (a) => search(a),
        )
        .command(
          'show <slug>',
          t('cmd_catalog_show'),
          (z) => z.positional('slug', { type: 'string', describe: t('arg_slug') }),
          (a) => show(a),
        )
        .demandCommand(1) as never,
    handler: () => {},
  };
};

function printRecipe(app: Parameters<Command>[0], m: RecipeManifest): void {
  const { io } = app;
  const { t, lang } = io;
  io.out(`${io.paint('bold', m.name)}  ${m.title[lang]}`);
  io.out(`${m.summary[lang]}\n`);
  for (const [kind, specs] of [
    ['inputs', m.inputs],
    ['outputs', m.outputs],
  ] as const) {
    io.out(t(kind));
    const rows = Object.entries(specs).map(([name, s]) => [
      `  ${name}${s.optional ? '?' : ''}`,
      s.kind,
      s.description[lang],
    ]);
    io.out(table([], rows));
  }
  const flags = flagsOf(m.params);
  const rows = flags.map((f) => [
    f.param,
    kindOf(f.schema),
    f.schema.default === undefined ? '' : JSON.stringify(f.schema.default),
    f.schema.description ?? '',
  ]);
  io.out('');
  if (rows.length) io.out(table([t('h_param'), t('h_type'), t('h_default'), t('h_about')], rows));
  const inputs = Object.entries(m.inputs).filter(([, s]) => !s.optional);
  const given = inputs.map(([name, s]) => `--input ${name}=${s.kind === 'dataset' ? 'FILE.csv' : 'MODEL'}`);
  const needed = flags.filter((f) => f.required).map((f) => `--${f.flag} ${f.param.toUpperCase()}`);
  io.out(`\n${t('run_it')}: strata submit ${[m.name, ...given, ...needed, '--watch'].join(' ')}`);
}

const recipes: Command = (app) => ({
  command: 'recipes [name]',
  describe: app.io.t('cmd_recipes'),
  builder: (y) => y.positional('name', { type: 'string', describe: app.io.t('arg_recipe') }) as never,
  handler: async (args: Args) => {
    const { io, api } = app;
    const name = text(args.name);
    if (name) {
      const m = await api.get<RecipeManifest>(`/api/recipes/${name.split('/').map(seg).join('/')}`);
      io.document(m);
      if (!io.json) printRecipe(app, m);
      return;
    }
    const page = await api.get<Page<RecipeManifest>>('/api/recipes');
    io.document(page);
    const rows = page.data.map((m) => [m.name, m.queue, m.title[io.lang]]);
    io.out(table([io.t('h_recipe'), io.t('h_queue'), io.t('h_title')], rows));
  },
});

const workers: Command = (app) => ({
  command: 'workers',
  describe: app.io.t('cmd_workers'),
  handler: async () => {
    const { io, api } = app;
    const page = await api.get<Page<WorkerView>>('/api/workers');
    io.document(page);
    if (page.data.length === 0) return io.out(io.t('nothing'));
    const rows = page.data.map((w) => [
      w.id,
      w.queue,
      io.paint(w.state === 'online' ? 'green' : 'dim', w.state),
      clip(w.devices.map((d) => `${d.kind} ${d.name}${d.threads ? ` ×${d.threads}` : ''}`).join(', '), 40),
      `${w.cpu_fraction === null ? '' : `${Math.round(w.cpu_fraction * 100)} %`}  ${w.memory_bytes === null ? '' : bytes(w.memory_bytes)}`,
      `${w.running.length}/${w.concurrency}  ${w.running.join(' ')}`.trim(),
    ]);
    io.out(
      table(
        [io.t('h_id'), io.t('h_queue'), io.t('h_state'), io.t('h_devices'), io.t('h_load'), io.t('h_running')],
        rows,
      ),
    );
  },
});

export const mapCommands = [catalog, recipes, workers];
