import type {
  DatasetView,
  DeploymentView,
  JobView,
  ModelVersionView,
  PipelineView,
  Prediction,
  PredictResponse,
  TaskSuggestion,
} from '@strata/contracts';
import { setTimeout as sleep } from 'node:timers/promises';
import path from 'node:path';
import type { App } from '../app.js';
import { seg } from '../commands/common.js';
import { printFailure } from '../commands/jobs.js';
import { inputText, predictionText } from '../commands/models.js';
import { JobFailed, UsageError } from '../errors.js';
import { followPipeline } from '../follow.js';
import { makeDataset, type Reading } from '../inputs.js';
import { table } from '../view/table.js';
import { bytes, duration, figure } from '../view/text.js';
import { isStep, pipelineOf, STEPS } from './pipeline.js';

export interface DemoOptions {
  readonly data: string;
  readonly bundled: boolean;
  readonly target: string | undefined;
  readonly test: string | undefined;
  readonly name: string | undefined;
  readonly seed: number;
  readonly reading: Reading;
}

const TASKS = {
  'text-classification': 'd_text',
  'tabular-classification': 'd_classify',
  'tabular-regression': 'd_regress',
  'image-classification': 'd_image',
} as const;
const EXAMPLES = 3;
const READY_S = 30;

/** The column that is meant: by its name, or by its number from 1 where no column has that name. */
export function columnOf(columns: readonly string[], said: string | undefined): string {
  const list = columns.slice(0, 50).join(', ');
  if (said === undefined) throw new UsageError('u_need_target', { columns: list });
  if (columns.includes(said)) return said;
  const byNumber = /^-?\d+$/.test(said) ? columns.at(Number(said) < 0 ? Number(said) : Number(said) - 1) : undefined;
  if (byNumber === undefined || said === '0') throw new UsageError('u_no_column', { target: said, columns: list });
  return byNumber;
}

/** A name that the registry takes, from the name of a file. */
export const modelNameOf = (file: string): string =>
  path
    .basename(file)
    .replace(/(\.(csv|tsv|txt|data|jsonl|test|gz))+$/i, '')
    .replace(/[^a-zA-Z0-9._-]+/g, '-')
    .replace(/^[^a-zA-Z0-9]+/, '')
    .slice(0, 48) || 'demo';

interface Figures {
  accuracy?: number;
  rmse?: number;
  size_bytes: number;
  latency_ms: number;
  rows: number;
}

function figuresOf(job: JobView | undefined): Figures {
  const r = job?.result ?? {};
  const n = (name: string): number => (typeof r[name] === 'number' ? r[name] : NaN);
  const score = 'accuracy' in r ? { accuracy: n('accuracy') } : { rmse: n('rmse') };
  return { ...score, size_bytes: n('model_bytes'), latency_ms: n('latency_p50_ms'), rows: n('rows') };
}

interface Example {
  input: unknown;
  truth: string;
}

/** A few rows with the truth, as the prediction route takes them. */
async function examplesOf({ api }: App, dataset: string, s: TaskSuggestion): Promise<Example[]> {
  const { format } = await api.get<DatasetView>(`/api/datasets/${seg(dataset)}`);
  const { columns, rows } = await api.get<{ columns: string[]; rows: (string | null)[][] }>(
    `/api/datasets/${seg(dataset)}/preview`,
    { rows: EXAMPLES },
  );
  const numeric = new Set(format.columns.filter((c) => c.type === 'number').map((c) => c.name));
  return rows.map((cells) => {
    const row = Object.fromEntries(columns.map((name, i) => [name, cells[i] ?? null]));
    const truth = row[s.target] ?? '';
    if (s.text_column) return { input: row[s.text_column] ?? '', truth };
    const cell = (name: string): string | number | null => {
      const v = row[name] ?? null;
      return v !== null && numeric.has(name) ? Number(v) : v;
    };
    return { input: Object.fromEntries(columns.filter((c) => c !== s.target).map((c) => [c, cell(c)])), truth };
  });
}

async function deploy({ api, io, signal }: App, model: string, version: number): Promise<DeploymentView> {
  io.say('d_deploying', { version, model });
  let d = await api.post<DeploymentView>(`/api/models/${seg(model)}/deploy`, { version });
  for (const end = Date.now() + READY_S * 1000; d.state !== 'ready' && Date.now() < end;) {
    signal.throwIfAborted();
    await sleep(200);
    const all = await api.get<{ data: DeploymentView[] }>('/api/deployments');
    d = all.data.find((x) => x.model === model) ?? d;
  }
  return d;
}

const shellQuoted = (s: string): string => `'${s.replaceAll("'", "'\\''")}'`;

/** The line to paste: the same call that the demo has just made. */
export function curlLine(url: string, keyWords: string, input: unknown): string {
  const body = shellQuoted(JSON.stringify({ inputs: [input] }));
  return `curl -s ${url} -H "authorization: Bearer ${keyWords}" -H 'content-type: application/json' -d ${body}`;
}

/** Prepare → train → compress → evaluate → deploy → predict, through the HTTP API alone. */
export async function runDemo(app: App, o: DemoOptions): Promise<void> {
  const { io, api } = app;
  const { t } = io;
  const began = performance.now();
  io.note(io.paint('bold', t('d_title')));
  if (o.bundled) io.say('d_bundled');
  const dataset = await makeDataset(app, o.data, o.reading);
  const columns = dataset.format.columns.map((c) => c.name);
  const target = columnOf(columns, o.target);
  const suggestion = await api.post<TaskSuggestion>(`/api/datasets/${seg(dataset.id)}/suggest`, { target });
  io.say('d_task', { task: t(TASKS[suggestion.task]), recipe: suggestion.recipe });
  io.say('d_because', { reason: suggestion.reason[io.lang] });
  if (suggestion.task === 'image-classification') throw new UsageError('u_demo_images', { recipe: suggestion.recipe });
  const test = o.test ? await makeDataset(app, o.test, { ...o.reading, header: dataset.format.header }) : undefined;

  const model = o.name ?? modelNameOf(o.data);
  const plan = { suggestion, dataset: dataset.id, test: test?.id, model, seed: o.seed };
  const pipeline = await api.post<PipelineView>('/api/pipelines', pipelineOf(plan));
  io.note('');
  const end = await followPipeline(app, inOrder(pipeline), (step) => (isStep(step) ? t(STEPS[step]) : step));
  io.note('');
  const failed = Object.values(end.jobs).filter((j) => j.failure && j.failure.code !== 'parent_failed');
  if (end.state !== 'succeeded') {
    io.document(end);
    for (const job of failed) printFailure(app, job);
    throw new JobFailed(end.state);
  }

  const versions = await api.list<ModelVersionView>(`/api/models/${seg(model)}/versions`, {}, 200);
  const compressed = versions.data.find((v) => v.id === end.jobs.compress?.outputs.model?.id);
  const held = (test ? end.jobs.clean_test?.outputs.data : end.jobs.split?.outputs.test)?.id;
  if (!compressed || !held) throw new JobFailed('the pipeline left no model or no test rows');
  const deployment = await deploy(app, model, compressed.version);
  const examples = await examplesOf(app, held, suggestion);
  const inputs = examples.map((e) => e.input);
  const answer = await api.post<PredictResponse>(`/api/models/${seg(model)}/predict`, { inputs });

  const before = figuresOf(end.jobs.before);
  const after = figuresOf(end.jobs.after);
  const curl = curlLine(deployment.url, app.connection.keyWords, inputs[0] ?? '');
  const seconds = (performance.now() - began) / 1000;
  io.document({
    object: 'demo',
    model,
    version: compressed.version,
    task: suggestion.task,
    recipe: suggestion.recipe,
    target,
    reason: suggestion.reason,
    dataset: dataset.id,
    pipeline: end.id,
    before,
    after,
    predictions: examples.map((e, i) => ({ ...e, prediction: answer.predictions[i] })),
    url: deployment.url,
    curl,
    seconds: Number(seconds.toFixed(1)),
  });
  if (!io.json)
    show(app, {
      before,
      after,
      examples,
      predictions: answer.predictions,
      model,
      version: compressed.version,
      deployment,
      curl,
      seconds,
    });
}

/** The gateway may name the steps in any order; they are shown in the order of work. */
function inOrder(p: PipelineView): PipelineView {
  const order = Object.keys(STEPS);
  const entries = Object.entries(p.jobs).sort(([a], [b]) => order.indexOf(a) - order.indexOf(b));
  return { ...p, jobs: Object.fromEntries(entries) };
}

interface Shown {
  before: Figures;
  after: Figures;
  examples: Example[];
  predictions: Prediction[];
  model: string;
  version: number;
  deployment: DeploymentView;
  curl: string;
  seconds: number;
}

function show({ io }: App, r: Shown): void {
  const { t } = io;
  const score = (f: Figures): string =>
    f.accuracy === undefined ? figure(f.rmse ?? NaN) : `${(f.accuracy * 100).toFixed(1)} %`;
  const row = (key: Parameters<typeof t>[0], of: (f: Figures) => string): string[] => [
    t(key),
    of(r.before),
    of(r.after),
  ];
  io.out(t('d_predictions'));
  const predictions = r.examples.map((e, i) => {
    const p = r.predictions[i];
    return [inputText(e.input, 56), e.truth, p ? predictionText(p) : ''];
  });
  io.out(table([t('d_input'), t('d_truth'), t('d_prediction')], predictions));
  io.out('');
  io.out(
    table(
      [t('d_figures', { rows: r.after.rows }), t('d_trained'), t('d_compressed')],
      [
        row(r.before.accuracy === undefined ? 'd_rmse' : 'd_accuracy', score),
        row('h_size', (f) => bytes(f.size_bytes)),
        row('d_latency', (f) => `${f.latency_ms.toFixed(2)} ms`),
      ],
    ),
  );
  io.out('');
  io.out(`${t('d_model')}: ${r.model}, ${t('h_version')} ${r.version}`);
  io.out(`${t('d_address')}: ${r.deployment.url}`);
  io.out(`${t('d_call')}:\n${r.curl}`);
  io.out('');
  io.out(t('d_done', { s: duration(r.seconds).replace(/ s$/, '') }));
}
