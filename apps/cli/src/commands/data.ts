import { createWriteStream } from 'node:fs';
import path from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { DatasetView, FileView } from '@strata/contracts';
import { makeDataset, upload } from '../inputs.js';
import { table } from '../view/table.js';
import { bytes, clip } from '../view/text.js';
import { type Args, type Command, number, required, seg, text, when, withLimit, words } from './common.js';
import { readingOf, withReading } from './submit.js';

const files: Command = (app) => {
  const { io, api } = app;
  const { t } = io;
  const list = async (args: Args): Promise<void> => {
    const page = await api.list<FileView>('/api/files', {}, number(args.limit) ?? 20);
    io.document(page);
    if (page.data.length === 0) return io.out(t('nothing'));
    const rows = page.data.map((f) => [f.id, f.filename, bytes(f.bytes), when(f.created_at)]);
    io.out(table([t('h_id'), t('h_name'), t('h_size'), t('h_created')], rows));
    if (page.has_more) io.say('more');
  };
  return {
    command: 'files <action>',
    describe: t('cmd_files'),
    builder: (y) =>
      y
        .command(
          'list',
          t('cmd_files_list'),
          (z) => withLimit(z, app),
          (a) => list(a),
        )
        .command(
          'upload <paths..>',
          t('cmd_files_upload'),
          (z) => z.positional('paths', { type: 'string', array: true, describe: t('arg_path') }),
          async (args: Args) => {
            const made: FileView[] = [];
            for (const p of words(args.paths)) made.push(await upload(app, p));
            io.document(made.length === 1 ? made[0] : { object: 'list', data: made, has_more: false, next: null });
            for (const f of made) io.out(f.id);
          },
        )
        .command(
          'download <id>',
          t('cmd_files_download'),
          (z) =>
            z
              .positional('id', { type: 'string', describe: t('arg_file') })
              .option('output', { alias: 'o', type: 'string', describe: t('opt_output') }),
          async (args: Args) => {
            const id = required(args.id);
            const file = await api.get<FileView>(`/api/files/${seg(id)}`);
            const res = await api.fetch(`/api/files/${seg(id)}/content`);
            const body = Readable.fromWeb(res.body as never);
            // the name comes from whoever uploaded it: never a path
            const target = text(args.output) ?? path.basename(file.filename);
            if (target === '-') return pipeline(body, process.stdout, { end: false });
            await pipeline(body, createWriteStream(target));
            io.document({ ...file, path: target });
            io.out(t('downloaded', { path: target, size: bytes(file.bytes) }));
          },
        )
        .demandCommand(1) as never,
    handler: () => {},
  };
};

interface Preview {
  columns: string[];
  rows: (string | null)[][];
}

const datasets: Command = (app) => {
  const { io, api } = app;
  const { t } = io;
  const list = async (args: Args): Promise<void> => {
    const page = await api.list<DatasetView>('/api/datasets', {}, number(args.limit) ?? 20);
    io.document(page);
    if (page.data.length === 0) return io.out(t('nothing'));
    const rows = page.data.map((d) => [
      d.id,
      d.name,
      String(d.format.rows),
      String(d.format.columns.length),
      bytes(d.file.size),
      when(d.created_at),
    ]);
    io.out(table([t('h_id'), t('h_name'), t('h_rows'), t('h_columns'), t('h_size'), t('h_created')], rows));
    if (page.has_more) io.say('more');
  };
  const show = async (args: Args): Promise<void> => {
    const id = seg(required(args.id));
    const d = await api.get<DatasetView>(`/api/datasets/${id}`);
    const preview = await api.get<Preview>(`/api/datasets/${id}/preview`, { rows: 5 });
    io.document({ ...d, preview });
    io.out(`${io.paint('bold', d.id)}  ${d.name}  ${d.format.rows} ${t('h_rows')}  ${bytes(d.file.size)}`);
    const rows = d.format.columns.map((c) => [
      c.name,
      c.type,
      String(c.missing),
      String(c.distinct),
      clip(c.examples.join(' | '), 60),
    ]);
    io.out(table([t('h_name'), t('h_type'), t('h_missing'), t('h_distinct'), t('h_examples')], rows));
    io.out('');
    io.out(
      table(
        preview.columns.map((c) => clip(c, 24)),
        preview.rows.map((r) => r.map((cell) => clip(cell ?? '', 24))),
      ),
    );
  };
  return {
    command: 'datasets <action>',
    describe: t('cmd_datasets'),
    builder: (y) =>
      y
        .command(
          'list',
          t('cmd_datasets_list'),
          (z) => withLimit(z, app),
          (a) => list(a),
        )
        .command(
          'create <source>',
          t('cmd_datasets_create'),
          (z) =>
            withReading(z, app)
              .positional('source', { type: 'string', describe: t('arg_source') })
              .option('name', { type: 'string', describe: t('opt_name') }),
          async (args: Args) => {
            const name = text(args.name);
            const made = await makeDataset(app, required(args.source), {
              ...readingOf(args),
              ...(name ? { name } : {}),
            });
            io.document(made);
            io.out(made.id);
          },
        )
        .command(
          'show <id>',
          t('cmd_datasets_show'),
          (z) => z.positional('id', { type: 'string', describe: t('arg_dataset') }),
          (a) => show(a),
        )
        .demandCommand(1) as never,
    handler: () => {},
  };
};

export const dataCommands = [files, datasets];
