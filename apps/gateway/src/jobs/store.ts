import type { JobState } from '@strata/contracts';
import { StrataError } from '@strata/kernel';
import { CompiledQuery, sql } from 'kysely';
import { json } from '../db/json.js';
import type { Db, Trx } from '../db/tables.js';
import { JobDraft } from './draft.js';
import type { JobRow } from './job.table.js';

/** Columns of a new job's row; everything else begins empty. */
export type NewJob = Pick<
  JobRow,
  | 'id'
  | 'tenant_id'
  | 'recipe'
  | 'recipe_version'
  | 'queue'
  | 'state'
  | 'params'
  | 'inputs'
  | 'register'
  | 'resolved'
  | 'seed'
  | 'priority'
  | 'device'
  | 'limits'
  | 'metadata'
  | 'pipeline_id'
  | 'step'
  | 'request_id'
  | 'not_before'
  | 'created_at'
>;

/** A request's Idempotency-Key and the hash of what it asked for. */
export interface Idempotency {
  readonly key: string;
  readonly hash: string;
}

const NEW_COLUMNS = `id, tenant_id, recipe, recipe_version, queue, state, params, inputs, register, resolved, seed, priority, device, limits,
  metadata, pipeline_id, step, request_id, not_before, created_at`;

/** The relay in this process enqueues new jobs straight after the commit; until then no other gateway's relay takes them. */
const RELAY_AHEAD = "interval '5 seconds'";

/**
 * Any number of jobs with their first event and their place in the outbox, in one statement, therefore in one transaction and one round
 * trip. A job whose idempotency key is taken is left out; the ids of the others come back.
 */
const INSERT = `
  with r as materialized (
    select * from json_to_recordset($1::json) as r(
      id text, tenant_id text, recipe text, recipe_version integer, queue text, state text, params jsonb, inputs jsonb, register jsonb,
      resolved jsonb, seed integer, priority integer, device text, limits jsonb, metadata jsonb, pipeline_id text, step text,
      request_id text, not_before timestamptz, created_at timestamptz, key text, hash text)
  ), k as (
    insert into gateway.idempotency (tenant_id, key, request_hash, resource_id, created_at)
    select tenant_id, key, hash, id, created_at from r where key is not null
    on conflict do nothing returning resource_id
  ), w as materialized (
    select * from r where key is null or id in (select resource_id from k)
  ), j as (
    insert into gateway.job (${NEW_COLUMNS}) select ${NEW_COLUMNS} from w
  ), e as (
    insert into gateway.job_event (job_id, seq, at, attempt, type, body)
    select id, 1, created_at, 0, 'state', jsonb_build_object('type', 'state', 'state', state, 'cause', 'submitted') from w
  ), o as (
    insert into gateway.outbox (job_id, again, not_before)
    select id, false, now() + ${RELAY_AHEAD} from w where state = 'queued'
  )
  select id from w`;

export interface Insertion {
  readonly job: NewJob;
  readonly idempotency?: Idempotency | undefined;
}

const insertionJson = (insertions: readonly Insertion[]): string =>
  json(insertions.map(({ job, idempotency }) => ({ ...job, key: idempotency?.key, hash: idempotency?.hash })));

/** A query as pg takes it; the name makes it a prepared statement. */
export const insertJobsQuery = (
  insertions: readonly Insertion[],
): { name: string; text: string; values: [string] } => ({
  name: 'insert-jobs',
  text: INSERT,
  values: [insertionJson(insertions)],
});

export async function insertJobs(db: Db, insertions: readonly Insertion[]): Promise<void> {
  await db.executeQuery(CompiledQuery.raw(INSERT, [insertionJson(insertions)]));
}

/**
 * Locks jobs for a change, always in the order of their ids, so that two transactions cannot wait for each other. `tenantId` leaves out
 * the jobs of others.
 */
export async function lockJobs(
  trx: Trx,
  ids: readonly string[],
  tenantId?: string | undefined,
): Promise<Map<string, JobDraft>> {
  if (!ids.length) return new Map();
  const rows = await trx
    .selectFrom('job')
    .selectAll()
    .where('id', '=', sql<string>`any(${[...ids]})`)
    .$if(tenantId !== undefined, (q) => q.where('tenant_id', '=', tenantId ?? ''))
    .orderBy('id')
    .forUpdate()
    .execute();
  return new Map(rows.map((row) => [row.id, new JobDraft(row)]));
}

const SAVED: Readonly<Partial<Record<keyof JobRow, string>>> = {
  state: 'text',
  attempt: 'integer',
  fence: 'integer',
  last_seq: 'integer',
  progress: 'jsonb',
  metrics: 'jsonb',
  result: 'jsonb',
  outputs: 'jsonb',
  failure: 'jsonb',
  resolved: 'jsonb',
  worker_id: 'text',
  not_before: 'timestamptz',
  cancel_requested_at: 'timestamptz',
  pause_requested_at: 'timestamptz',
  run_ms: 'bigint',
  running_since: 'timestamptz',
  started_at: 'timestamptz',
  ended_at: 'timestamptz',
};
const SAVED_NAMES = Object.keys(SAVED) as (keyof JobRow)[];
const SAVE = `
  with r as materialized (
    select * from json_to_recordset($1::json) as r(id text, enqueue boolean, ${SAVED_NAMES.map((c) => `${c} ${SAVED[c]}`).join(', ')})
  ), j as (
    update gateway.job j set ${SAVED_NAMES.map((c) => `${c} = r.${c}`).join(', ')} from r where j.id = r.id
  ), e as (
    insert into gateway.job_event (job_id, seq, at, attempt, type, body)
    select e.job_id, e.seq, e.at, e.attempt, e.body ->> 'type', e.body
    from json_to_recordset($2::json) as e(job_id text, seq integer, at timestamptz, attempt integer, body jsonb)
  )
  insert into gateway.outbox (job_id, again, not_before)
  select id, true, now() from r where enqueue
  on conflict (job_id) do update set again = true, not_before = excluded.not_before`;

/** jsonb cannot hold U+0000; a log line that has one is kept without it. */
const storable = (text: string): string => text.replaceAll('\\u0000', '\\ufffd');

/** Writes all that changed in these locked jobs, in one statement. */
export async function saveDrafts(trx: Trx, drafts: Iterable<JobDraft>): Promise<void> {
  const changed = [...drafts].filter((d) => d.changed);
  if (!changed.length) return;
  const rows = changed.map((d) => ({
    id: d.row.id,
    enqueue: d.enqueue,
    ...Object.fromEntries(SAVED_NAMES.map((name) => [name, d.row[name]])),
  }));
  const events = changed.flatMap((d) => d.events.map((e) => ({ ...e, job_id: d.row.id })));
  await trx.executeQuery(CompiledQuery.raw(SAVE, [storable(json(rows)), storable(json(events))]));
}

export const notFound = (id: string): StrataError => new StrataError('not_found', `there is no job ${id}`);

/** @throws StrataError `not_found`, also for a job of another tenant */
export async function readJob(db: Db, tenantId: string, id: string): Promise<JobRow> {
  const row = await db
    .selectFrom('job')
    .selectAll()
    .where('id', '=', id)
    .where('tenant_id', '=', tenantId)
    .executeTakeFirst();
  if (!row) throw notFound(id);
  return row;
}

/** States of parents, by id. */
export async function parentStates(trx: Trx, jobIds: readonly string[]): Promise<Map<string, Map<string, JobState>>> {
  const rows = await trx
    .selectFrom('job_parent')
    .innerJoin('job', 'job.id', 'job_parent.parent_id')
    .select(['job_parent.job_id', 'job_parent.parent_id', 'job.state'])
    .where('job_parent.job_id', '=', sql<string>`any(${[...jobIds]})`)
    .execute();
  const states = new Map<string, Map<string, JobState>>(jobIds.map((id) => [id, new Map()]));
  for (const row of rows) states.get(row.job_id)?.set(row.parent_id, row.state);
  return states;
}
