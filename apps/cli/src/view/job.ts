import type { JobState, JobView, ProgressView } from '@strata/contracts';
import type { Io } from '../io.js';
import type { BoardLine } from './board.js';
import { bar, duration, figure, padTo } from './text.js';

const STYLE = {
  queued: 'dim',
  waiting: 'dim',
  running: 'cyan',
  paused: 'yellow',
  succeeded: 'green',
  failed: 'red',
  cancelled: 'yellow',
} as const;
const MARKS = { queued: '·', waiting: '·', running: '▸', paused: '‖', succeeded: '✓', failed: '✗', cancelled: '–' };

export const stateText = (io: Io, s: JobState): string => io.paint(STYLE[s], io.t(`s_${s}`));
export const mark = (io: Io, s: JobState): string => io.paint(STYLE[s], MARKS[s]);

export const fractionOf = (p: ProgressView | null): number =>
  p?.fraction ?? (p?.total ? Math.min(1, p.step / p.total) : 0);

export function progressText(p: ProgressView | null, width = 20): string {
  const f = fractionOf(p);
  const eta = p?.eta_s ? `  ${duration(p.eta_s)}` : '';
  const phase = p?.phase ? `  ${p.phase}` : '';
  return `${bar(f, width)} ${String(Math.round(f * 100)).padStart(3)} %${phase}${eta}`;
}

const SHOWN = ['valid_accuracy', 'accuracy', 'valid_rmse', 'rmse', 'valid_loss', 'train_loss'];

/** The metrics that tell most, a few of them. */
export function metricsText(metrics: Readonly<Record<string, number>>, most = 2): string {
  const names = [...SHOWN.filter((n) => n in metrics), ...Object.keys(metrics).filter((n) => !SHOWN.includes(n))];
  return names
    .slice(0, most)
    .map((n) => `${n} ${figure(metrics[n] ?? NaN)}`)
    .join('  ');
}

const seconds = (job: JobView): string =>
  job.started_at && job.ended_at ? duration((Date.parse(job.ended_at) - Date.parse(job.started_at)) / 1000) : '';

/** A job of a pipeline as a line of a board. */
export function jobLine(io: Io, label: string, labelWidth: number, job: JobView): BoardLine {
  const ended = job.ended_at !== null;
  const going = job.state === 'running' || job.state === 'paused';
  const middle = ended
    ? `${bar(job.state === 'succeeded' ? 1 : 0, 20)} `
    : going
      ? `${progressText(job.progress)} `
      : '';
  const what = ended
    ? `${seconds(job)}  ${job.failure ? `[${job.failure.code}] ${job.failure.message}` : metricsText(job.metrics)}`
    : going
      ? metricsText(job.metrics)
      : io.t(`s_${job.state}`);
  const state = going ? `${job.state} ${Math.floor(fractionOf(job.progress) * 4)}` : job.state;
  return { text: `${mark(io, job.state)} ${padTo(label, labelWidth)}  ${middle}${what}`, state };
}
