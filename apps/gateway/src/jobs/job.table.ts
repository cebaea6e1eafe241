import type {
  CreateJob,
  InputRef,
  JobEvent,
  JobFailure,
  JobOutput,
  JobState,
  Limits,
  ProgressView,
  QueueName,
  ResolvedInput,
} from '@strata/contracts';
import type { Selectable } from 'kysely';
import type { z } from 'zod';
import type { Json } from '../db/tables.js';

/** An output as it was recorded, with the id of the dataset or model version that was made of it. */
export interface RecordedOutput {
  readonly output: JobOutput;
  readonly id: string | null;
}

export interface JobTable {
  id: string;
  tenant_id: string;
  recipe: string;
  recipe_version: number;
  queue: QueueName;
  state: JobState;
  params: Json<Record<string, unknown>>;
  inputs: Json<Record<string, InputRef>>;
  register: Json<Record<string, string>>;
  /** The inputs with all that a worker needs; null while a parent has not made one of them. */
  resolved: Json<Record<string, ResolvedInput> | null>;
  seed: number;
  priority: number;
  device: CreateJob['device'];
  limits: Json<Limits>;
  metadata: Json<Record<string, string>>;
  pipeline_id: string | null;
  step: string | null;
  request_id: string;
  not_before: Date | null;
  /** Attempts begun; events of an earlier one are not recorded. */
  attempt: number;
  /** Attempts that were given up for good: a resumed or retried job takes no events of these. */
  fence: number;
  /** Sequence number of the job's latest event. */
  last_seq: number;
  progress: Json<z.output<typeof ProgressView> | null>;
  metrics: Json<Record<string, number> | null>;
  result: Json<Record<string, unknown> | null>;
  outputs: Json<Record<string, RecordedOutput> | null>;
  failure: Json<JobFailure | null>;
  /** Who runs it, or ran it last. */
  worker_id: string | null;
  cancel_requested_at: Date | null;
  pause_requested_at: Date | null;
  /** Time that it ran, all attempts together, up to `running_since`. */
  run_ms: number;
  running_since: Date | null;
  created_at: Date;
  started_at: Date | null;
  ended_at: Date | null;
}
export type JobRow = Selectable<JobTable>;

export interface JobEventTable {
  job_id: string;
  seq: number;
  at: Date;
  attempt: number;
  type: JobEvent['body']['type'];
  body: Json<JobEvent['body']>;
}

/** `job_id` runs only after `parent_id` has succeeded. */
export interface JobParentTable {
  job_id: string;
  parent_id: string;
}

/** Intent to put a job into the queue, committed together with the row. */
export interface OutboxTable {
  job_id: string;
  /** The queue may still hold the id from an earlier run. */
  again: boolean;
  not_before: Date;
}

export interface IdempotencyTable {
  tenant_id: string;
  key: string;
  request_hash: string;
  resource_id: string;
  created_at: Date;
}

export interface PipelineTable {
  id: string;
  tenant_id: string;
  name: string;
  metadata: Json<Record<string, string>>;
  created_at: Date;
}

declare module '../db/tables.js' {
  interface Tables {
    job: JobTable;
    job_event: JobEventTable;
    job_parent: JobParentTable;
    outbox: OutboxTable;
    idempotency: IdempotencyTable;
    pipeline: PipelineTable;
  }
}
