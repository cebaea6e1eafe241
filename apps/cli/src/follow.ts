import {
  ENDED,
  type JobEvent,
  type JobState,
  type JobView,
  type PipelineView,
  type ProgressView,
} from '@strata/contracts';
import { jobEvents } from './api/events.js';
import type { App } from './app.js';
import { Board, type BoardLine } from './view/board.js';
import { fractionOf, jobLine, progressText, stateText } from './view/job.js';
import { figure, padTo, sparkline } from './view/text.js';
import stringWidth from 'string-width';

const SPARK = 32;
const POLL_MS = 250;

interface Seen {
  state: JobState;
  attempt: number;
  progress: ProgressView | null;
  series: Map<string, number[]>;
}

function take(seen: Seen, e: JobEvent): void {
  seen.attempt = e.attempt;
  if (e.body.type === 'state') seen.state = e.body.state;
  else if (e.body.type === 'progress') seen.progress = e.body.progress;
  else if (e.body.type === 'metrics')
    for (const [name, v] of Object.entries(e.body.values)) seen.series.set(name, [...(seen.series.get(name) ?? []), v]);
}

function lines(app: App, job: JobView, seen: Seen): BoardLine[] {
  const { io } = app;
  const attempt = seen.attempt > 1 ? `  ${io.t('attempt', { n: seen.attempt })}` : '';
  const head = `${job.recipe}  ${stateText(io, seen.state)}  ${progressText(seen.progress, 24)}${attempt}`;
  const names = [...seen.series.keys()];
  const width = Math.max(0, ...names.map((n) => n.length));
  const metrics = names.slice(0, 8).map((name) => {
    const values = seen.series.get(name) ?? [];
    const text = `  ${name.padEnd(width)}  ${figure(values.at(-1) ?? NaN).padStart(9)}  ${sparkline(values, SPARK)}`;
    return { text, state: seen.state };
  });
  return [{ text: head, state: `${seen.state} ${Math.floor(fractionOf(seen.progress) * 4)}` }, ...metrics];
}

/** Follows a job by its event stream to the end. In --json every event is a line. @returns the job at its end */
export async function followJob(app: App, id: string): Promise<JobView> {
  const { io, api, signal } = app;
  const job = await api.get<JobView>(`/api/jobs/${encodeURIComponent(id)}`);
  const seen: Seen = { state: job.state, attempt: job.attempt, progress: job.progress, series: new Map() };
  const board = new Board(io);
  for await (const e of jobEvents(api, id, { signal, onBreak: () => io.say('reconnecting') })) {
    take(seen, e);
    if (io.json) io.document(e);
    else if (io.live || e.body.type !== 'metrics')
      board.update(lines(app, job, seen).slice(0, io.live ? undefined : 1));
    if (!io.json && e.body.type === 'log' && !io.live) io.note(`${e.body.level}  ${e.body.message}`);
  }
  signal.throwIfAborted();
  if (!io.json) {
    board.update(lines(app, job, seen));
    board.end();
  }
  return api.get<JobView>(`/api/jobs/${encodeURIComponent(id)}`);
}

/** Follows a pipeline to the end of its last job, one bar for each step. `label` names a step for people. */
export async function followPipeline(
  app: App,
  first: PipelineView,
  label: (step: string) => string = (step) => step,
): Promise<PipelineView> {
  const { io, api, signal } = app;
  const board = new Board(io);
  const steps = Object.keys(first.jobs);
  const width = Math.max(...steps.map((s) => stringWidth(label(s))));
  for (let view = first; ;) {
    signal.throwIfAborted();
    const jobs = steps.flatMap((step) => (view.jobs[step] ? [{ step, job: view.jobs[step] }] : []));
    board.update(jobs.map(({ step, job }) => jobLine(io, padTo(label(step), width), width, job)));
    if (jobs.every(({ job }) => ENDED.has(job.state))) {
      board.end();
      return view;
    }
    await new Promise((r) => setTimeout(r, POLL_MS));
    view = await api.get<PipelineView>(`/api/pipelines/${encodeURIComponent(first.id)}`);
  }
}
