import { existsSync, statSync } from 'node:fs';
import type { CreateDataset, DatasetView, FileView, RecipeManifest } from '@strata/contracts';
import type { App } from './app.js';
import { uploadsFile } from './config.js';
import { uploadFile } from './api/upload.js';
import { UsageError } from './errors.js';
import { bytes } from './view/text.js';
import { Board } from './view/board.js';
import { bar } from './view/text.js';

export type Reading = Partial<Pick<CreateDataset, 'name' | 'format' | 'delimiter' | 'header' | 'columns'>>;

/** Uploads with a progress bar. */
export async function upload({ io, api, config }: App, path: string): Promise<FileView> {
  const board = new Board(io);
  const label = io.t('uploading', { name: path });
  const file = await uploadFile(api, path, {
    memory: uploadsFile(config),
    onResume: (at) => io.say('upload_resumes', { at: bytes(at) }),
    onProgress: (sent, total) => {
      const f = total ? sent / total : 1;
      const text = `${label}  ${bar(f, 24)}  ${bytes(sent)} / ${bytes(total)}`;
      if (io.live) board.update([{ text, state: String(Math.floor(f * 10)) }]);
    },
  });
  if (io.live) board.end();
  io.say('uploaded', { name: file.filename, id: file.id, size: bytes(file.bytes) });
  return file;
}

/** A dataset of a local file (which is uploaded) or of one that the gateway has. */
export async function makeDataset(app: App, source: string, reading: Reading = {}): Promise<DatasetView> {
  const isPath = existsSync(source) && statSync(source).isFile();
  if (!isPath && !source.startsWith('file_')) throw new UsageError('u_no_file', { path: source });
  const file = isPath ? (await upload(app, source)).id : source;
  const dataset = await app.api.post<DatasetView>('/api/datasets', { file, ...reading });
  app.io.say('dataset_made', { id: dataset.id, rows: dataset.format.rows, columns: dataset.format.columns.length });
  return dataset;
}

const looksLikePath = (ref: string): boolean =>
  /^\.{0,2}\//.test(ref) || (!/^(ds|mv|mdl|file)_/.test(ref) && existsSync(ref) && statSync(ref).isFile());

/** `job_…/model` is that job's output `model`. */
const JOB_OUTPUT = /^(job_[0-9a-f]+)\/([\w-]+)$/;

/** Inputs as the API takes them: `JOB/OUTPUT` is what a job makes or made, a path becomes a dataset, or an uploaded file where the recipe wants one; everything else stays a reference. */
export async function resolveInputs(
  app: App,
  inputs: Readonly<Record<string, unknown>>,
  manifest?: RecipeManifest,
  reading: Reading = {},
): Promise<Record<string, unknown>> {
  const out: Record<string, unknown> = {};
  for (const [name, ref] of Object.entries(inputs)) {
    const kind = manifest?.inputs[name]?.kind;
    const made = typeof ref === 'string' ? JOB_OUTPUT.exec(ref) : null;
    if (made) {
      out[name] = { job: made[1], output: made[2] };
      continue;
    }
    const local = typeof ref === 'string' && kind !== 'model' && looksLikePath(ref);
    if (!local) out[name] = ref;
    else out[name] = (kind === 'file' ? await upload(app, ref) : await makeDataset(app, ref, reading)).id;
  }
  return out;
}
