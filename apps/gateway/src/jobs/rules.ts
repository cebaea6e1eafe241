import { ENDED, type JobEventBody } from '@strata/contracts';
import type { JobDraft } from './draft.js';

/** An event as a worker sent it. A success is recorded apart: its outputs become resources first. */
export interface WorkerReport {
  readonly workerId: string;
  readonly attempt: number;
  readonly at: Date;
  readonly body: JobEventBody;
}

/** The worker's time, kept between the start of the run and now: clocks differ, and reports may come late. */
export function plausibleTime(draft: JobDraft, at: Date, now: Date): Date {
  const earliest = draft.row.running_since ?? draft.row.created_at;
  return at < earliest ? earliest : at > now ? now : at;
}

/**
 * Whether a report belongs to the run that counts. Not so: an attempt that was given up, and a job that has ended, is paused or waits.
 * A queued job that reports is one that was begun while no gateway could be asked, or whose worker was taken for lost: it runs (again).
 */
export function admits(draft: JobDraft, report: WorkerReport): boolean {
  const { row } = draft;
  if (ENDED.has(row.state) || row.state === 'paused' || row.state === 'waiting') return false;
  if (report.attempt < row.attempt || report.attempt <= row.fence) return false;
  // two workers that count the same attempt: the one that asked first has it
  return !(report.attempt === row.attempt && row.worker_id !== null && row.worker_id !== report.workerId);
}

/** Makes the job run under this worker, if it does not already. */
export function begin(draft: JobDraft, report: WorkerReport, at: Date): void {
  const { row } = draft;
  if (row.state === 'running' && row.attempt === report.attempt) return;
  if (row.state === 'running') draft.to('queued', `attempt ${row.attempt} was given up`, at);
  draft.patch({ attempt: report.attempt, worker_id: report.workerId });
  draft.to('running', `worker ${report.workerId} runs attempt ${report.attempt}`, at);
}

const seconds = (ms: number | undefined): string => `${Math.round((ms ?? 0) / 100) / 10} s`;

/** Applies an admitted report, but for `succeeded`. */
export function applyReport(draft: JobDraft, report: WorkerReport, at: Date): void {
  const { row } = draft;
  const { body } = report;
  begin(draft, report, at);
  draft.record(body, at, report.attempt);
  switch (body.type) {
    case 'progress':
      draft.patch({ progress: body.progress });
      break;
    case 'metrics':
      draft.patch({ metrics: { ...row.metrics, ...body.values } });
      break;
    case 'paused':
      draft.to('paused', `checkpoint at step ${body.step}`, at);
      break;
    case 'cancelled':
      draft.to('cancelled', row.cancel_requested_at ? 'as requested' : 'by the worker', at);
      break;
    case 'failed':
      if (!body.will_retry) draft.fail(body.failure, at);
      else if (row.cancel_requested_at) draft.to('cancelled', 'as requested', at);
      else {
        const pause = row.pause_requested_at !== null;
        const { code, message } = body.failure;
        draft.to('queued', `${code}: ${message} (next attempt in ${seconds(body.retry_in_ms)})`, at);
        if (pause) draft.to('paused', 'as requested', at);
      }
      break;
  }
}

/** Answer to a worker that has taken the job from the queue and asks whether to run it. */
export interface ClaimDecision {
  readonly granted: boolean;
  readonly reason: string;
  readonly attempt: number;
}

/** The queue gives a job to one worker at a time: who asks holds it, and whoever had it before has lost it. */
export function decideClaim(draft: JobDraft, workerId: string, countedAttempt: number, now: Date): ClaimDecision {
  const { row } = draft;
  const denied = (): ClaimDecision => ({ granted: false, reason: row.state, attempt: row.attempt });
  if (row.state !== 'queued' && row.state !== 'running') return denied();
  if (row.state === 'running') {
    const pause = row.pause_requested_at !== null;
    draft.to('queued', `worker ${row.worker_id ?? '?'} no longer holds it`, now);
    if (row.cancel_requested_at) draft.to('cancelled', 'as requested', now);
    else if (pause) draft.to('paused', 'as requested', now);
    if (row.cancel_requested_at || pause) return denied();
  }
  const attempt = Math.max(row.attempt + 1, countedAttempt);
  draft.patch({ attempt, worker_id: workerId });
  draft.to('running', `worker ${workerId} runs attempt ${attempt}`, now);
  return { granted: true, reason: '', attempt };
}
