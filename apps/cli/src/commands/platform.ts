import type { RecipeManifest, WorkerView } from '@strata/contracts';
import type { Page } from '../api/client.js';
import { recipeText } from '../view/recipe.js';
import { table } from '../view/table.js';
import { bytes, clip } from '../view/text.js';
import { type Args, type Command, seg, text } from './common.js';

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
      return io.out(recipeText(io, m));
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

export const platformCommands = [recipes, workers];
