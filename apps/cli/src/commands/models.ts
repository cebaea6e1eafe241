import { existsSync, readFileSync } from 'node:fs';
import type { DeploymentView, ModelVersionView, ModelView, Prediction, PredictResponse } from '@strata/contracts';
import { UsageError } from '../errors.js';
import { metricsText } from '../view/job.js';
import { table } from '../view/table.js';
import { bytes, clip, figure } from '../view/text.js';
import { type Args, type Command, number, required, seg, text, when, withLimit, words } from './common.js';

const models: Command = (app) => ({
  command: 'models [name]',
  describe: app.io.t('cmd_models'),
  builder: (y) => withLimit(y, app).positional('name', { type: 'string', describe: app.io.t('arg_model') }) as never,
  handler: async (args: Args) => {
    const { io, api } = app;
    const { t } = io;
    const name = text(args.name);
    const limit = number(args.limit) ?? 20;
    if (name) {
      const page = await api.list<ModelVersionView>(`/api/models/${seg(name)}/versions`, {}, limit);
      io.document(page);
      const rows = page.data.map((v) => [
        String(v.version),
        v.lineage.recipe ?? '',
        bytes(v.size),
        v.aliases.join(', '),
        v.manifest.quantization ?? '',
        metricsText(v.manifest.metrics),
        when(v.created_at),
      ]);
      io.out(
        table([t('h_version'), t('h_recipe'), t('h_size'), t('h_aliases'), '', t('h_metrics'), t('h_created')], rows),
      );
      if (page.has_more) io.say('more');
      return;
    }
    const page = await api.list<ModelView>('/api/models', {}, limit);
    io.document(page);
    if (page.data.length === 0) return io.out(t('nothing'));
    const rows = page.data.map((v) => [
      v.name,
      String(v.latest_version),
      v.deployed_version === null ? '' : String(v.deployed_version),
      Object.entries(v.aliases)
        .map(([alias, n]) => `${alias}=${n}`)
        .join(', '),
      when(v.created_at),
    ]);
    io.out(table([t('h_name'), t('h_version'), t('h_deployed'), t('h_aliases'), t('h_created')], rows));
    if (page.has_more) io.say('more');
  },
});

const versionOf = (v: unknown): number | string | undefined => {
  const said = text(v);
  return said !== undefined && /^\d+$/.test(said) ? Number(said) : said;
};

const deploy: Command = (app) => ({
  command: 'deploy <name>',
  describe: app.io.t('cmd_deploy'),
  builder: (y) =>
    y
      .positional('name', { type: 'string', describe: app.io.t('arg_model') })
      .option('model-version', { alias: 'v', type: 'string', describe: app.io.t('opt_version') }) as never,
  handler: async (args: Args) => {
    const version = versionOf(args['model-version']);
    const route = `/api/models/${seg(required(args.name))}/deploy`;
    const d = await app.api.post<DeploymentView>(route, version === undefined ? {} : { version });
    app.io.document(d);
    app.io.out(app.io.t('deployed', { version: d.version, model: d.model, url: d.url }));
  },
});

const undeploy: Command = (app) => ({
  command: 'undeploy <name>',
  describe: app.io.t('cmd_undeploy'),
  builder: (y) => y.positional('name', { type: 'string', describe: app.io.t('arg_model') }) as never,
  handler: async (args: Args) => {
    const d = await app.api.delete<DeploymentView>(`/api/models/${seg(required(args.name))}/deploy`);
    app.io.document(d);
    app.io.out(app.io.t('undeployed', { model: d.model }));
  },
});

/** Rows from JSON: an array, one object or text, `{"inputs": [...]}`, or JSON lines; anything else is a line of text for each row. */
export function rowsOf(source: string): unknown[] {
  const trimmed = source.trim();
  const parse = (s: string): unknown => {
    try {
      return JSON.parse(s);
    } catch {
      return undefined;
    }
  };
  const whole = parse(trimmed);
  if (Array.isArray(whole)) return whole;
  if (typeof whole === 'object' && whole !== null) {
    const inputs: unknown = 'inputs' in whole ? whole.inputs : undefined;
    return Array.isArray(inputs) ? inputs : [whole];
  }
  if (typeof whole === 'string') return [whole];
  if (/^[[{]/.test(trimmed) && !trimmed.includes('\n')) throw new UsageError('u_rows');
  return trimmed.split(/\r?\n/).flatMap((line) => {
    const text = line.trim();
    if (!text) return [];
    const value = parse(text);
    return [typeof value === 'object' || typeof value === 'string' ? value : text];
  });
}

async function read(source: string): Promise<string> {
  if (source === '-') {
    const parts: Buffer[] = [];
    for await (const part of process.stdin) parts.push(part as Buffer);
    return Buffer.concat(parts).toString('utf8');
  }
  return existsSync(source) ? readFileSync(source, 'utf8') : source;
}

export function predictionText(p: Prediction): string {
  if ('value' in p) return figure(p.value);
  if ('tags' in p) return p.tags.map((t) => `${t.text}/${t.label}`).join(' ');
  return `${p.label}  ${(p.probability * 100).toFixed(1)} %`;
}
export const inputText = (row: unknown, width = 60): string =>
  clip(typeof row === 'string' ? row : JSON.stringify(row), width);

const predict: Command = (app) => ({
  command: 'predict <name> [rows..]',
  describe: app.io.t('cmd_predict'),
  builder: (y) =>
    y
      .positional('name', { type: 'string', describe: app.io.t('arg_model') })
      .positional('rows', { type: 'string', array: true, describe: app.io.t('arg_rows') })
      .option('model-version', { alias: 'v', type: 'string', describe: app.io.t('opt_version') }) as never,
  handler: async (args: Args) => {
    const { io, api } = app;
    const sources = words(args.rows);
    if (sources.length === 0 && process.stdin.isTTY) throw new UsageError('u_rows');
    const inputs: unknown[] = [];
    for (const source of sources.length ? sources : ['-']) inputs.push(...rowsOf(await read(source)));
    if (inputs.length === 0) throw new UsageError('u_rows');
    const version = versionOf(args['model-version']);
    const body = { inputs, ...(version === undefined ? {} : { version }) };
    const answer = await api.post<PredictResponse>(`/api/models/${seg(required(args.name))}/predict`, body);
    io.document(answer);
    const rows = answer.predictions.map((p, i) => [inputText(inputs[i]), predictionText(p)]);
    io.out(table([io.t('d_input'), io.t('d_prediction')], rows));
  },
});

export const modelCommands = [models, deploy, undeploy, predict];
