import { ENDED, type JobView, type PipelineView } from '@strata/contracts';
import type { App } from '../app.js';
import type { Page } from '../api/client.js';
import { JobFailed } from '../errors.js';
import { followJob, followPipeline } from '../follow.js';
import { fractionOf, metricsText, stateText } from '../view/job.js';
import { table } from '../view/table.js';
import { bytes } from '../view/text.js';
import { type Args, type Command, number, required, seg, text, when, withLimit } from './common.js';

const isPipeline = (id: string): boolean => id.startsWith('pl_');

export function printFailure({ io }: App, job: JobView): void {
  if (!job.failure) return;
  const { code, message, where } = job.failure;
  io.out(`${io.paint('red', `${io.t('error')} [${code}]`)} ${message}`);
  if (where)
    io.out(
      `  ${io.t('e_where')}  ${Object.entries(where)
        .map(([k, v]) => `${k} ${v}`)
        .join(', ')}`,
    );
}

export function printJob(app: App, job: JobView): void {
  const { io } = app;
  const rows: [string, string][] = [
    [io.t('h_recipe'), `${job.recipe} (${job.queue})`],
    [
      io.t('h_state'),
      `${stateText(io, job.state)}${job.attempt > 1 ? `  ${io.t('attempt', { n: job.attempt })}` : ''}`,
    ],
    [io.t('h_created'), when(job.created_at)],
  ];
  if (!ENDED.has(job.state)) rows.push([io.t('h_progress'), `${Math.round(fractionOf(job.progress) * 100)} %`]);
  if (Object.keys(job.metrics).length) rows.push([io.t('h_metrics'), metricsText(job.metrics, 8)]);
  for (const [name, o] of Object.entries(job.outputs))
    rows.push([io.t('outputs'), `${name}  ${o.kind}  ${o.id ?? ''}  ${bytes(o.size)}`]);
  if (job.result) rows.push([io.t('result'), JSON.stringify(job.result)]);
  io.out(io.paint('bold', job.id));
  io.out(table([], rows));
  for (const step of job.transitions ?? []) io.out(`  ${when(step.at)}  ${stateText(io, step.state)}  ${step.cause}`);
  printFailure(app, job);
}

/** Follows a job or a pipeline; a bad end becomes exit code 1. */
export async function follow(app: App, id: string): Promise<void> {
  if (isPipeline(id)) {
    const end = await followPipeline(app, await app.api.get<PipelineView>(`/api/pipelines/${seg(id)}`));
    app.io.document(end);
    for (const job of Object.values(end.jobs)) printFailure(app, job);
    if (end.state !== 'succeeded') throw new JobFailed(end.state);
    return;
  }
  const job = await followJob(app, id);
  app.io.document(job);
  if (!app.io.json) printJob(app, { ...job, transitions: [] });
  if (job.state !== 'succeeded') throw new JobFailed(job.state);
}

const jobs: Command = (app) => ({
  command: 'jobs',
  describe: app.io.t('cmd_jobs'),
  builder: (y) =>
    withLimit(y, app)
      .option('state', { type: 'string', describe: app.io.t('opt_state') })
      .option('recipe', { type: 'string', describe: app.io.t('opt_of_recipe') }) as never,
  handler: async (args: Args) => {
    const { io, api } = app;
    const query = { state: text(args.state), recipe: text(args.recipe) };
    const page = await api.list<JobView>('/api/jobs', query, number(args.limit) ?? 20);
    io.document(page);
    if (page.data.length === 0) return io.out(io.t('nothing'));
    const head = [
      io.t('h_id'),
      io.t('h_recipe'),
      io.t('h_state'),
      io.t('h_progress'),
      io.t('h_created'),
      io.t('h_metrics'),
    ];
    const row = (j: JobView): string[] => [
      j.id,
      j.recipe,
      stateText(io, j.state),
      j.state === 'succeeded' ? '100 %' : `${Math.round(fractionOf(j.progress) * 100)} %`,
      when(j.created_at),
      j.failure ? j.failure.code : metricsText(j.metrics),
    ];
    io.out(table(head, page.data.map(row)));
    if (page.has_more) io.say('more');
  },
});

const job: Command = (app) => ({
  command: 'job <id>',
  describe: app.io.t('cmd_job'),
  builder: (y) => y.positional('id', { type: 'string', describe: app.io.t('arg_job') }) as never,
  handler: async (args: Args) => {
    const view = await app.api.get<JobView>(`/api/jobs/${seg(required(args.id))}`);
    app.io.document(view);
    if (!app.io.json) printJob(app, view);
  },
});

const watch: Command = (app) => ({
  command: 'watch <id>',
  describe: app.io.t('cmd_watch'),
  builder: (y) => y.positional('id', { type: 'string', describe: app.io.t('arg_job_or_pipeline') }) as never,
  handler: (args: Args) => follow(app, required(args.id)),
});

interface LogLine {
  seq: number;
  at: string;
  level: string;
  message: string;
  fields?: Record<string, unknown>;
}

const logs: Command = (app) => ({
  command: 'logs <id>',
  describe: app.io.t('cmd_logs'),
  builder: (y) =>
    y.positional('id', { type: 'string', describe: app.io.t('arg_job') }).option('level', {
      choices: ['debug', 'info', 'warn', 'error'],
      default: 'debug',
      describe: app.io.t('opt_level'),
    }) as never,
  handler: async (args: Args) => {
    const { io, api } = app;
    const route = `/api/jobs/${seg(required(args.id))}/logs`;
    const data: LogLine[] = [];
    for (let after: number | undefined; ;) {
      const page = await api.get<Page<LogLine>>(route, { after, limit: 1000, level: text(args.level) });
      data.push(...page.data);
      after = page.data.at(-1)?.seq;
      if (!page.has_more || after === undefined) break;
    }
    io.document({ object: 'list', data, has_more: false, next: null });
    const style = { debug: 'dim', info: 'green', warn: 'yellow', error: 'red' } as const;
    for (const l of data) {
      const fields = l.fields && Object.keys(l.fields).length ? `  ${JSON.stringify(l.fields)}` : '';
      const level = l.level in style ? io.paint(style[l.level as keyof typeof style], l.level.padEnd(5)) : l.level;
      io.out(`${when(l.at)}  ${level}  ${l.message}${fields}`);
    }
  },
});

/** A command that changes the state of a job. */
const change =
  (verb: 'cancel' | 'pause' | 'resume' | 'retry'): Command =>
  (app) => ({
    command: `${verb} <id>`,
    describe: app.io.t(`cmd_${verb}`),
    builder: (y) => y.positional('id', { type: 'string', describe: app.io.t('arg_job_or_pipeline') }) as never,
    handler: async (args: Args) => {
      const id = required(args.id);
      const kind = isPipeline(id) ? 'pipelines' : 'jobs';
      const view = await app.api.post<JobView | PipelineView>(`/api/${kind}/${seg(id)}/${verb}`);
      app.io.document(view);
      const pending = verb === 'cancel' && !ENDED.has(view.state);
      app.io.out(pending ? app.io.t('cancelled', { id }) : app.io.t('now', { id, state: app.io.t(`s_${view.state}`) }));
    },
  });

const pipelines: Command = (app) => ({
  command: 'pipelines [id]',
  describe: app.io.t('cmd_pipelines'),
  builder: (y) => withLimit(y, app).positional('id', { type: 'string', describe: app.io.t('arg_pipeline') }) as never,
  handler: async (args: Args) => {
    const { io, api } = app;
    const id = text(args.id);
    if (id) {
      const view = await api.get<PipelineView>(`/api/pipelines/${seg(id)}`);
      io.document(view);
      io.out(`${io.paint('bold', view.id)}  ${view.name}  ${stateText(io, view.state)}`);
      const rows = Object.entries(view.jobs).map(([step, j]) => [
        step,
        j.id,
        j.recipe,
        stateText(io, j.state),
        metricsText(j.metrics),
      ]);
      io.out(table([io.t('h_step'), io.t('h_id'), io.t('h_recipe'), io.t('h_state'), io.t('h_metrics')], rows));
      for (const j of Object.values(view.jobs)) printFailure(app, j);
      return;
    }
    const page = await api.list<PipelineView>('/api/pipelines', {}, number(args.limit) ?? 20);
    io.document(page);
    if (page.data.length === 0) return io.out(io.t('nothing'));
    const rows = page.data.map((p) => [
      p.id,
      p.name,
      stateText(io, p.state),
      Object.keys(p.jobs).join(', '),
      when(p.created_at),
    ]);
    io.out(table([io.t('h_id'), io.t('h_name'), io.t('h_state'), io.t('h_step'), io.t('h_created')], rows));
  },
});

export const jobCommands = [
  jobs,
  job,
  watch,
  logs,
  change('cancel'),
  change('pause'),
  change('resume'),
  change('retry'),
  pipelines,
];
