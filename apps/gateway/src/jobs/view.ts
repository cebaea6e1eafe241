import type { JobEvent, JobOutput, JobState, JobView } from '@strata/contracts';
import { ENDED } from '@strata/contracts';
import type { Selectable } from 'kysely';
import type { JobEventTable, JobRow } from './job.table.js';
import type { NewJob } from './store.js';

export function outputSize(output: JobOutput): number {
  if (output.kind !== 'model') return output.file.size;
  return Object.values(output.files).reduce((sum, blob) => sum + blob.size, 0);
}

const iso = (date: Date | null): string | null => date?.toISOString() ?? null;

/** All but what a view shows only on request; rows of lists leave out nothing else. */
export function jobView(row: JobRow): JobView {
  return {
    object: 'job',
    id: row.id,
    recipe: row.recipe,
    recipe_version: row.recipe_version,
    queue: row.queue,
    state: row.state,
    params: row.params,
    inputs: row.inputs,
    register: row.register,
    seed: row.seed,
    priority: row.priority,
    device: row.device,
    limits: row.limits,
    metadata: row.metadata,
    attempt: row.attempt,
    progress: row.progress,
    metrics: row.metrics ?? {},
    result: row.result,
    outputs: Object.fromEntries(
      Object.entries(row.outputs ?? {}).map(([name, { output, id }]) => [
        name,
        { kind: output.kind, id, size: outputSize(output) },
      ]),
    ),
    failure: row.failure,
    pipeline: row.pipeline_id,
    step: row.step,
    worker: row.state === 'running' || ENDED.has(row.state) ? row.worker_id : null,
    cancel_requested: row.cancel_requested_at !== null,
    created_at: row.created_at.toISOString(),
    started_at: iso(row.started_at),
    ended_at: iso(row.ended_at),
  };
}

/** A job that has just been inserted: no need to read it back. */
export function newJobView(job: NewJob): JobView {
  return jobView({
    ...job,
    attempt: 0,
    fence: 0,
    last_seq: 1,
    progress: null,
    metrics: null,
    result: null,
    outputs: null,
    failure: null,
    worker_id: null,
    cancel_requested_at: null,
    pause_requested_at: null,
    run_ms: 0,
    running_since: null,
    started_at: null,
    ended_at: null,
  });
}

export function eventView(row: Selectable<JobEventTable>): JobEvent {
  return { seq: row.seq, job_id: row.job_id, at: row.at.toISOString(), attempt: row.attempt, body: row.body };
}

/** State of a pipeline: failed as soon as one job failed, running once one has run, succeeded when all did. */
export function pipelineState(states: readonly JobState[]): JobState {
  const any = (state: JobState): boolean => states.includes(state);
  if (any('failed')) return 'failed';
  if (states.every((s) => s === 'succeeded')) return 'succeeded';
  if (states.every((s) => ENDED.has(s))) return 'cancelled';
  if (any('running')) return 'running';
  if (any('paused') && !any('queued')) return 'paused';
  if (any('succeeded')) return 'running';
  return any('queued') ? 'queued' : 'waiting';
}
