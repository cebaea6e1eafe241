import { createWriteStream, existsSync, openAsBlob, statSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { App } from '../app.js';
import { type Args, type Command, required, text } from '../commands/common.js';
import { ApiError, Unreachable, UsageError } from '../errors.js';
import { bytes } from '../view/text.js';
import type { ImportAnswer } from './answers.js';
import { FORMATS } from './check.js';

const EXPORTS = ['json', 'jsonld', 'csv', 'graphml', 'yaml'] as const;

/** A value without what a content file leaves out: empty lists and objects, and flags that are not set. */
function pruned(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(pruned);
  if (typeof value !== 'object' || value === null) return value;
  const kept = Object.entries(value)
    .map(([k, v]) => [k, pruned(v)] as const)
    .filter(([, v]) => v !== false && !(typeof v === 'object' && v !== null && Object.keys(v).length === 0));
  return Object.fromEntries(kept);
}

/** What a reader of a content file looks for first. The rest follows as it comes. */
const FIRST = ['slug', 'kind', 'name', 'aliases', 'summary', 'body', 'tags', 'references', 'runnable', 'facets'];
const ordered = (entry: unknown): unknown =>
  typeof entry === 'object' && entry !== null
    ? Object.fromEntries([
        ...FIRST.flatMap((k) => (k in entry ? [[k, (entry as Record<string, unknown>)[k]]] : [])),
        ...Object.entries(entry).filter(([k]) => !FIRST.includes(k)),
      ])
    : entry;

/** The bundle of the gateway as a content file, which is easy to edit and to import again. */
async function* asYaml({ api }: App, body: Response): AsyncGenerator<string> {
  const { stringify } = await import('yaml');
  let entries: unknown;
  try {
    ({ entries } = (await body.json()) as { entries?: unknown });
  } catch (cause) {
    throw new Unreachable(api.url, 'the export is not JSON', { cause });
  }
  // one entry after the other: a text of the whole would be many times its size in memory
  if (Array.isArray(entries) && entries.length)
    for (const entry of entries) yield stringify([pruned(ordered(entry))], { lineWidth: 0 });
  else yield '[]\n';
}

async function save(source: AsyncIterable<Uint8Array | string>, target: string): Promise<number> {
  // a broken export leaves what was there before
  const part = `${target}.part`;
  try {
    await pipeline(Readable.from(source, { objectMode: false }), createWriteStream(part));
    await rename(part, target);
  } catch (e) {
    await rm(part, { force: true });
    throw e;
  }
  return statSync(target).size;
}

const exporting: Command = (app) => ({
  command: 'export',
  describe: app.io.t('cmd_catalog_export'),
  builder: (y) =>
    y
      .option('format', { choices: EXPORTS, default: 'json', describe: app.io.t('opt_export_format') })
      .option('out', { alias: 'o', type: 'string', describe: app.io.t('opt_out') })
      .option('private', { type: 'boolean', describe: app.io.t('opt_private') }) as never,
  handler: async (args: Args) => {
    const { io, api } = app;
    const format = required(args.format);
    const query = new URLSearchParams({ format: format === 'yaml' ? 'json' : format });
    if (args.private === true) query.set('private', 'true');
    const target = text(args.out) ?? '-';
    if (target !== '-' && !existsSync(path.dirname(path.resolve(target))))
      throw new UsageError('u_no_file', { path: path.dirname(target) });
    const res = await api.fetch(`/api/catalog/export?${query}`);
    const source = format === 'yaml' ? asYaml(app, res) : (res.body as unknown as AsyncIterable<Uint8Array>);
    if (target === '-') {
      for await (const piece of source) io.write(piece);
      return;
    }
    const size = await save(source, target);
    io.document({ object: 'catalog_export', format, file: target, bytes: size });
    io.out(io.t('c_exported', { path: target, size: bytes(size) }));
  },
});

const importing: Command = (app) => ({
  command: 'import <file>',
  describe: app.io.t('cmd_catalog_import'),
  builder: (y) =>
    y
      .positional('file', { type: 'string', describe: app.io.t('arg_entries') })
      .option('format', { choices: FORMATS, describe: app.io.t('opt_import_format') })
      .option('dry-run', { type: 'boolean', describe: app.io.t('opt_dry_run') })
      .option('merge', { type: 'boolean', describe: app.io.t('opt_merge') })
      .option('note', { type: 'string', describe: app.io.t('opt_note') }) as never,
  handler: async (args: Args) => {
    const { io, api } = app;
    const file = required(args.file);
    if (!existsSync(file) || !statSync(file).isFile()) throw new UsageError('u_no_file', { path: file });
    const form = new FormData();
    form.append('file', await openAsBlob(file), path.basename(file));
    const query = new URLSearchParams();
    const format = text(args.format);
    const note = text(args.note);
    if (format) query.set('format', format);
    if (note) query.set('note', note);
    if (args.merge === true) query.set('merge', 'true');
    if (args['dry-run'] === true) query.set('dry_run', 'true');
    let res: Response;
    try {
      res = await api.fetch(`/api/catalog/import?${query}`, { method: 'POST', body: form });
    } catch (e) {
      // the gateway tells the first of them in one sentence
      if (e instanceof ApiError && e.problem.code === 'invalid_data' && !io.json)
        io.say('c_check_lines', { file: format ? `${file} --format ${format}` : file });
      throw e;
    }
    const done = (await res.json()) as ImportAnswer;
    io.document(done);
    for (const [mark, style, slugs] of [
      ['+', 'green', done.added],
      ['~', 'yellow', done.changed],
      ['-', 'red', done.removed],
    ] as const)
      for (const slug of slugs) io.out(io.paint(style, `${mark} ${slug}`));
    const counts = { added: done.added.length, changed: done.changed.length, removed: done.removed.length };
    io.out(done.version ? io.t('c_imported', { ...counts, version: done.version.number }) : io.t('c_would', counts));
  },
});

export const transferCommands = [exporting, importing];
