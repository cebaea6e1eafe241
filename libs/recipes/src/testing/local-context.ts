import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, writeFile, cp, mkdtemp } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import {
  parseParams,
  PauseSignal,
  type Checkpoint,
  type DatasetFormat,
  type DatasetHandle,
  type FileHandle,
  type InputHandle,
  type JobContext,
  type ModelHandle,
  type ModelManifest,
  type RecipeDefinition,
} from '@strata/contracts';
import { describeFile, type DescribeOptions } from '@strata/data';
import { createRng, StrataError, type Logger } from '@strata/kernel';

export type LocalOutput =
  | { readonly kind: 'dataset'; readonly path: string; readonly format: DatasetFormat }
  | { readonly kind: 'model'; readonly dir: string; readonly manifest: ModelManifest }
  | { readonly kind: 'report'; readonly path: string; readonly report: Record<string, unknown> }
  | { readonly kind: 'file'; readonly path: string; readonly mediaType: string };

export interface LocalJob {
  /** Holds the checkpoint, the outputs and the scratch folder of this job; a second run with the same folder is its next attempt. */
  readonly dir: string;
  readonly inputs?: Readonly<Record<string, InputHandle>>;
  readonly seed?: number;
  readonly threads?: number;
  readonly attempt?: number;
  /** `checkpoint.due()` is true at every n-th step; 1 by default. */
  readonly checkpointEvery?: number;
  readonly signal?: AbortSignal;
  /** Called at the end of each step, with the number of the call in this attempt; what it throws ends the attempt as a kill would. `pause` pauses. */
  readonly onStep?: (call: number) => void | 'pause';
  readonly onProgress?: (step: number) => void;
}

export interface LocalRun {
  readonly result: Record<string, unknown>;
  readonly outputs: ReadonlyMap<string, LocalOutput>;
  readonly metrics: readonly { readonly step: number; readonly values: Readonly<Record<string, number>> }[];
  readonly logs: readonly string[];
  /** Calls of `ctx.step`. */
  readonly steps: number;
}

const CHECKPOINT = 'checkpoint';

async function saveCheckpoint(dir: string, checkpoint: Checkpoint): Promise<void> {
  const next = join(dir, `${CHECKPOINT}.next`);
  await rm(next, { recursive: true, force: true });
  await mkdir(next, { recursive: true });
  const names = Object.keys(checkpoint.tensors);
  // a JSON round trip, as on the way to the artifact store: what JSON loses is lost here too
  const body = JSON.stringify({ step: checkpoint.step, state: checkpoint.state, tensors: names });
  await writeFile(join(next, 'checkpoint.json'), body);
  for (const [i, name] of names.entries())
    await writeFile(join(next, `${i}.bin`), checkpoint.tensors[name] ?? new Uint8Array());
  await rm(join(dir, CHECKPOINT), { recursive: true, force: true });
  await rename(next, join(dir, CHECKPOINT));
}

async function loadCheckpoint(dir: string): Promise<Checkpoint | undefined> {
  const folder = join(dir, CHECKPOINT);
  if (!existsSync(folder)) return undefined;
  const body = JSON.parse(await readFile(join(folder, 'checkpoint.json'), 'utf8')) as {
    step: number;
    state: Record<string, unknown>;
    tensors: string[];
  };
  const tensors: Record<string, Uint8Array> = {};
  for (const [i, name] of body.tensors.entries()) {
    const bytes = await readFile(join(folder, `${i}.bin`));
    // an own, aligned buffer: typed arrays over it must begin at a multiple of their element size
    tensors[name] = new Uint8Array(bytes);
  }
  return { step: body.step, state: body.state, tensors };
}

/** Runs a recipe in this process with everything in files under `job.dir`: the context of tests, examples and benchmarks. */
export async function runLocally(recipe: RecipeDefinition, params: unknown, job: LocalJob): Promise<LocalRun> {
  const parsed = parseParams(recipe, params);
  const inputs = job.inputs ?? {};
  for (const [name, spec] of Object.entries(recipe.inputs))
    if (!spec.optional && !inputs[name])
      throw new StrataError('invalid_input', `recipe ${recipe.name} needs an input "${name}"`);
  const outputDir = join(job.dir, 'outputs');
  const workDir = join(job.dir, 'work');
  await rm(workDir, { recursive: true, force: true });
  await mkdir(workDir, { recursive: true });
  await mkdir(outputDir, { recursive: true });

  const outputs = new Map<string, LocalOutput>();
  const metrics: { step: number; values: Readonly<Record<string, number>> }[] = [];
  const logs: string[] = [];
  let steps = 0;
  let asked = 0;
  const say =
    (level: string) =>
    (_fields: unknown, message: string): void =>
      void logs.push(`${level}: ${message}`);
  const log: Logger = { debug: say('debug'), info: say('info'), warn: say('warn'), error: say('error') };
  const signal = job.signal ?? new AbortController().signal;
  const declared = (name: string, kind: LocalOutput['kind']): void => {
    if (recipe.outputs[name]?.kind !== kind)
      throw new StrataError('recipe_definition', `recipe ${recipe.name} declares no ${kind} output "${name}"`);
  };
  const input = (name: string): InputHandle => {
    const handle = inputs[name];
    if (!handle) throw new StrataError('invalid_input', `the job has no input "${name}"`, { where: { field: name } });
    return handle;
  };

  const ctx: JobContext = {
    jobId: 'job_local',
    attempt: job.attempt ?? 1,
    signal,
    log,
    progress: (p) => job.onProgress?.(p.step),
    metrics: (step, values) => void metrics.push({ step, values: { ...values } }),
    dataset: (name) => Promise.resolve(input(name) as DatasetHandle),
    model: (name) => Promise.resolve(input(name) as ModelHandle),
    file: (name) => Promise.resolve(input(name) as FileHandle),
    has: (name) => inputs[name] !== undefined,
    output: {
      async dataset(name, path, format) {
        declared(name, 'dataset');
        const to = join(outputDir, `${name}.${format.format}`);
        await cp(path, to);
        outputs.set(name, { kind: 'dataset', path: to, format });
      },
      async model(name, dir, manifest) {
        declared(name, 'model');
        const to = join(outputDir, name);
        await rm(to, { recursive: true, force: true });
        await cp(dir, to, { recursive: true });
        await writeFile(join(to, 'model.json'), JSON.stringify(manifest));
        outputs.set(name, { kind: 'model', dir: to, manifest });
      },
      async report(name, report) {
        declared(name, 'report');
        const to = join(outputDir, `${name}.json`);
        const text = JSON.stringify(report);
        await writeFile(to, text);
        outputs.set(name, { kind: 'report', path: to, report: JSON.parse(text) as Record<string, unknown> });
      },
      async file(name, path, mediaType) {
        declared(name, 'file');
        const to = join(outputDir, name);
        await cp(path, to);
        outputs.set(name, { kind: 'file', path: to, mediaType });
      },
    },
    checkpoint: {
      load: () => loadCheckpoint(job.dir),
      save: (checkpoint) => saveCheckpoint(job.dir, checkpoint),
      due: () => ++asked % (job.checkpointEvery ?? 1) === 0,
    },
    async step(state) {
      steps++;
      await turn();
      if (signal.aborted) throw new StrataError('job_cancelled', 'The job was cancelled.', { cause: signal.reason });
      if (job.onStep?.(steps) === 'pause') {
        await saveCheckpoint(job.dir, await state());
        throw new PauseSignal();
      }
    },
    workDir,
    device: { kind: 'cpu', name: 'local', threads: job.threads ?? 1, features: [] },
    threads: job.threads ?? 1,
    rng: createRng(job.seed ?? 1),
    seed: job.seed ?? 1,
  };
  const module = await recipe.run();
  const result = await module.run(ctx, parsed);
  await rm(workDir, { recursive: true, force: true });
  for (const [name, spec] of Object.entries(recipe.outputs))
    if (!spec.optional && !outputs.has(name))
      throw new StrataError('recipe_definition', `recipe ${recipe.name} ended without its output "${name}"`);
  return { result, outputs, metrics, logs, steps };
}

/** A temporary folder of its own. */
export const localFolder = (prefix = 'strata-'): Promise<string> => mkdtemp(join(tmpdir(), prefix));

/** A data file as a recipe's input. */
export async function localDataset(path: string, options: DescribeOptions = {}): Promise<DatasetHandle> {
  return { id: 'ds_local', path, format: await describeFile(path, options) };
}

/** Content written to a file, as a recipe's input. */
export async function datasetFromText(
  dir: string,
  text: string | Uint8Array,
  format: DatasetFormat['format'] = 'csv',
  options: DescribeOptions = {},
): Promise<DatasetHandle> {
  await mkdir(dir, { recursive: true });
  const path = join(dir, `${createHash('sha256').update(text).digest('hex').slice(0, 16)}.${format}`);
  await writeFile(path, text);
  return localDataset(path, { ...options, format });
}

/** An output of one run as the input of the next. @throws StrataError `invalid_input` when it is a report */
export function asInput(output: LocalOutput | undefined): InputHandle {
  if (output?.kind === 'dataset') return { id: 'ds_local', path: output.path, format: output.format };
  if (output?.kind === 'model') return { id: 'mv_local', dir: output.dir, manifest: output.manifest };
  if (output?.kind === 'file')
    return { id: 'file_local', path: output.path, name: basename(output.path), mediaType: output.mediaType };
  throw new StrataError('invalid_input', `an output of kind ${output?.kind ?? 'none'} cannot be an input`);
}

/** SHA-256 of every file of an output, by name: equal when the outputs are equal bit for bit. */
export async function digest(output: LocalOutput): Promise<Record<string, string>> {
  const hash = async (path: string): Promise<string> =>
    createHash('sha256')
      .update(await readFile(path))
      .digest('hex');
  if (output.kind !== 'model') return { [output.kind]: await hash(output.path) };
  const files = (await readdir(output.dir)).sort();
  return Object.fromEntries(await Promise.all(files.map(async (f) => [f, await hash(join(output.dir, f))] as const)));
}
