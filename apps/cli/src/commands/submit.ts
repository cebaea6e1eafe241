import { existsSync, readFileSync } from 'node:fs';
import type { JobView, PipelineView, RecipeManifest } from '@strata/contracts';
import type { Argv } from 'yargs';
import type { App } from '../app.js';
import { UsageError } from '../errors.js';
import { coerce, flagsOf, isBoolean, kindOf, pairs, type Flag } from '../flags.js';
import { resolveInputs, type Reading } from '../inputs.js';
import { type Args, number, text, words } from './common.js';
import { follow } from './jobs.js';
import type { CommandModule } from 'yargs';

/** Flags that every job has; a parameter of the same name is set by `--params` in a file instead. */
const OWN = new Set([
  'file',
  'input',
  'register',
  'seed',
  'priority',
  'device',
  'memory-mb',
  'time-s',
  'attempts',
  'meta',
  'watch',
]);
const OTHERS = [
  'data-format',
  'header',
  'columns',
  'delimiter',
  'idempotency-key',
  'json',
  'lang',
  'url',
  'key',
  'key-file',
  'help',
  'version',
];

/** A parameter whose flag another option has taken is called `--param-NAME`. */
const cliName = (f: Flag): string => (OWN.has(f.flag) || OTHERS.includes(f.flag) ? `param-${f.flag}` : f.flag);

function paramOptions(y: Argv, flags: readonly Flag[], group: string): Argv {
  for (const f of flags) {
    const about = [f.schema.description, `[${kindOf(f.schema)}]`].filter(Boolean).join(' ');
    const shown = f.schema.default === undefined ? {} : { defaultDescription: JSON.stringify(f.schema.default) };
    const name = cliName(f);
    y = y.option(name, {
      // everything comes as text, so that the schema and not the parser decides what it means
      ...(isBoolean(f.schema) ? { type: 'boolean' as const } : { type: 'string' as const }),
      describe: about,
      group,
      ...shown,
    });
  }
  return y;
}

/** Parameters that were given, as the recipe's schema wants them. */
export function paramsFrom(args: Args, flags: readonly Flag[]): Record<string, unknown> {
  const out: Record<string, unknown> = {};
  for (const f of flags) {
    const raw = args[cliName(f)];
    if (raw === undefined) continue;
    if (typeof raw === 'boolean') out[f.param] = raw;
    else out[f.param] = coerce(cliName(f), f.schema, Array.isArray(raw) ? raw.join(',') : String(raw));
  }
  return out;
}

function readJson(path: string): Record<string, unknown> {
  if (!existsSync(path)) throw new UsageError('u_no_file', { path });
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>;
  } catch (e) {
    throw new UsageError('u_json_file', { path, why: e instanceof Error ? e.message : String(e) });
  }
}

const readingOf = (args: Args): Reading => ({
  ...(text(args['data-format']) ? { format: text(args['data-format']) as NonNullable<Reading['format']> } : {}),
  ...(typeof args.header === 'boolean' ? { header: args.header } : {}),
  ...(text(args.columns) ? { columns: list(args.columns) } : {}),
  ...(text(args.delimiter) ? { delimiter: text(args.delimiter) as NonNullable<Reading['delimiter']> } : {}),
});
const list = (v: unknown): string[] => words(v).flatMap((w) => w.split(',').map((c) => c.trim()));

/** Options that say how a local file is read. */
export const withReading = (y: Argv, { io }: App): Argv =>
  y
    .option('data-format', {
      type: 'string',
      choices: ['auto', 'csv', 'jsonl', 'text', 'conll', 'images'] satisfies Reading['format'][],
      describe: io.t('opt_data_format'),
    })
    .option('header', { type: 'boolean', describe: io.t('opt_header') })
    .option('columns', { type: 'string', describe: io.t('opt_columns') })
    .option('delimiter', { type: 'string', describe: io.t('opt_delimiter') });
export { readingOf };

function compact(o: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(o).filter(([, v]) => v !== undefined));
}

function bodyOf(
  args: Args,
  recipe: string,
  flags: readonly Flag[],
  inputs: Record<string, unknown>,
): Record<string, unknown> {
  const limits = compact({
    memory_mb: number(args['memory-mb']),
    time_s: number(args['time-s']),
    attempts: number(args.attempts),
  });
  return compact({
    recipe,
    params: paramsFrom(args, flags),
    inputs,
    register: pairs('register', words(args.register)),
    seed: number(args.seed),
    priority: number(args.priority),
    device: text(args.device),
    limits: Object.keys(limits).length ? limits : undefined,
    metadata: pairs('meta', words(args.meta)),
  });
}

async function fromFile(app: App, args: Args, path: string): Promise<JobView | PipelineView> {
  const body = readJson(path);
  const headers = idempotency(args);
  if (typeof body.steps !== 'object' || body.steps === null) {
    const inputs = await resolveInputs(app, (body.inputs ?? {}) as Record<string, unknown>, undefined, readingOf(args));
    return app.api.post<JobView>('/api/jobs', { ...body, inputs }, headers);
  }
  const steps: Record<string, unknown> = {};
  for (const [name, step] of Object.entries(body.steps as Record<string, Record<string, unknown>>)) {
    const given = (step.inputs ?? {}) as Record<string, unknown>;
    steps[name] = { ...step, inputs: await resolveInputs(app, given, undefined, readingOf(args)) };
  }
  return app.api.post<PipelineView>('/api/pipelines', { ...body, steps }, headers);
}

const idempotency = (args: Args): Record<string, string> => {
  const key = text(args['idempotency-key']);
  return key ? { 'idempotency-key': key } : {};
};

/**
 * `strata submit RECIPE`: its flags are those of the recipe. `manifest` was fetched before parsing, for without it nobody knows them.
 */
export const submit = (app: App, manifest: RecipeManifest | undefined): CommandModule<object, Args> => {
  const { io } = app;
  const flags = manifest ? flagsOf(manifest.params) : [];
  return {
    command: 'submit [recipe]',
    describe: io.t('cmd_submit'),
    builder: (y) => {
      const base = withReading(y, app)
        .positional('recipe', { type: 'string', describe: io.t('arg_recipe') })
        .option('file', { type: 'string', describe: io.t('opt_file') })
        .option('input', { alias: 'i', type: 'string', array: true, nargs: 1, describe: io.t('opt_input') })
        .option('register', { type: 'string', array: true, nargs: 1, describe: io.t('opt_register') })
        .option('seed', { type: 'number', describe: io.t('opt_seed') })
        .option('priority', { type: 'number', describe: io.t('opt_priority') })
        .option('device', { choices: ['cpu', 'webgpu', 'cuda'], describe: io.t('opt_device') })
        .option('memory-mb', { type: 'number', describe: io.t('opt_memory') })
        .option('time-s', { type: 'number', describe: io.t('opt_time') })
        .option('attempts', { type: 'number', describe: io.t('opt_attempts') })
        .option('meta', { type: 'string', array: true, nargs: 1, describe: 'NAME=VALUE' })
        .option('idempotency-key', { type: 'string', describe: io.t('opt_idempotency') })
        .option('watch', { alias: 'w', type: 'boolean', describe: io.t('opt_watch') });
      return paramOptions(base, flags, manifest ? `${manifest.title[io.lang]}:` : '') as never;
    },
    handler: async (args: Args) => {
      const file = text(args.file);
      const recipe = text(args.recipe);
      if (!file && !recipe) throw new UsageError('u_need_recipe');
      let made: JobView | PipelineView;
      if (file) made = await fromFile(app, args, file);
      else {
        const given = pairs('input', words(args.input));
        // the cheap checks come before an upload
        bodyOf(args, recipe ?? '', flags, {});
        const inputs = await resolveInputs(app, given, manifest, readingOf(args));
        made = await app.api.post<JobView>('/api/jobs', bodyOf(args, recipe ?? '', flags, inputs), idempotency(args));
      }
      if (args.watch === true) {
        io.say('submitted', { id: made.id });
        return follow(app, made.id);
      }
      io.document(made);
      io.out(io.t('submitted', { id: made.id }));
      io.out(io.t('follow_with', { id: made.id }));
    },
  };
};
