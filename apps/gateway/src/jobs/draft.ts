import { ENDED, type JobEvent, type JobFailure, type JobState, TRANSITIONS } from '@strata/contracts';
import { StrataError } from '@strata/kernel';
import type { JobRow } from './job.table.js';

export interface NewEvent {
  readonly seq: number;
  readonly at: Date;
  readonly attempt: number;
  readonly body: JobEvent['body'];
}

/**
 * A job's row, locked in a transaction, with the changes to be saved. The only way from one state to another: `to` refuses what TRANSITIONS
 * does not allow and keeps each step with its time and cause.
 */
export class JobDraft {
  readonly events: NewEvent[] = [];
  /** To be put into the queue (again). */
  enqueue = false;
  private touched = false;

  constructor(readonly row: JobRow) {}

  get changed(): boolean {
    return this.touched || this.events.length > 0;
  }

  /** State at which it has arrived in this transaction, when that is an end. */
  get ended(): boolean {
    return ENDED.has(this.row.state) && this.events.some((e) => e.body.type === 'state');
  }

  /** @throws StrataError `conflict` when the state may not follow */
  to(state: JobState, cause: string, at: Date): void {
    const { row } = this;
    if (!TRANSITIONS[row.state].includes(state))
      throw new StrataError('conflict', `job ${row.id} is ${row.state}: it cannot become ${state}`);
    if (row.running_since) {
      row.run_ms += Math.max(0, at.getTime() - row.running_since.getTime());
      row.running_since = null;
    }
    if (state === 'running') {
      row.started_at ??= at;
      row.running_since = at;
    }
    row.ended_at = ENDED.has(state) ? at : null;
    if (state !== 'running') row.pause_requested_at = null;
    if (state === 'queued') row.failure = null;
    row.state = state;
    this.record({ type: 'state', state, cause }, at);
  }

  /** Adds an event under the job's next number. */
  record(body: JobEvent['body'], at: Date, attempt = this.row.attempt): void {
    this.row.last_seq += 1;
    this.events.push({ seq: this.row.last_seq, at, attempt, body });
  }

  /** Changes columns that have no event of their own. */
  patch(values: Partial<JobRow>): void {
    Object.assign(this.row, values);
    this.touched = true;
  }

  fail(failure: JobFailure, at: Date): void {
    this.to('failed', `${failure.code}: ${failure.message}`, at);
    this.row.failure = failure;
  }

  /** Back into the queue by the user's wish: whatever an earlier run still sends counts no more. */
  requeue(cause: string, at: Date): void {
    this.to('queued', cause, at);
    this.patch({ fence: this.row.attempt, cancel_requested_at: null, progress: null, not_before: null });
    this.enqueue = true;
  }
}
