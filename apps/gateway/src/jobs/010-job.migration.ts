import { type Kysely, sql } from 'kysely';

// No foreign keys from the busy tables: each insert would lock the tenant's row. Nothing deletes a tenant or a job's row alone.
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table gateway.job (
      id text primary key,
      tenant_id text not null,
      recipe text not null,
      recipe_version integer not null,
      queue text not null,
      state text not null,
      params jsonb not null,
      inputs jsonb not null,
      register jsonb not null,
      resolved jsonb,
      seed integer not null,
      priority integer not null,
      device text not null,
      limits jsonb not null,
      metadata jsonb not null,
      pipeline_id text,
      step text,
      request_id text not null,
      not_before timestamptz,
      attempt integer not null default 0,
      fence integer not null default 0,
      last_seq integer not null default 1,
      progress jsonb,
      metrics jsonb,
      result jsonb,
      outputs jsonb,
      failure jsonb,
      worker_id text,
      cancel_requested_at timestamptz,
      pause_requested_at timestamptz,
      run_ms bigint not null default 0,
      running_since timestamptz,
      created_at timestamptz not null,
      started_at timestamptz,
      ended_at timestamptz
    ) with (fillfactor = 80)`.execute(db);
  await sql`create index job_of_tenant on gateway.job (tenant_id, id desc)`.execute(db);
  await sql`create index job_of_pipeline on gateway.job (pipeline_id) where pipeline_id is not null`.execute(db);
  await sql`create index job_live on gateway.job (state, id) where ended_at is null`.execute(db);
  await sql`create index job_usage on gateway.job (tenant_id, started_at) where started_at is not null`.execute(db);
  await sql`
    create table gateway.job_parent (
      job_id text not null,
      parent_id text not null,
      primary key (parent_id, job_id)
    )`.execute(db);
  await sql`create index job_parent_of on gateway.job_parent (job_id)`.execute(db);
  await sql`
    create table gateway.job_event (
      job_id text not null,
      seq integer not null,
      at timestamptz not null,
      attempt integer not null,
      type text not null,
      body jsonb not null,
      primary key (job_id, seq)
    )`.execute(db);
  await sql`
    create table gateway.outbox (
      job_id text primary key,
      again boolean not null,
      not_before timestamptz not null
    )`.execute(db);
  await sql`create index outbox_due on gateway.outbox (not_before)`.execute(db);
  await sql`
    create table gateway.idempotency (
      tenant_id text not null,
      key text not null,
      request_hash text not null,
      resource_id text not null,
      created_at timestamptz not null,
      primary key (tenant_id, key)
    )`.execute(db);
  await sql`create index idempotency_age on gateway.idempotency (created_at)`.execute(db);
  await sql`
    create table gateway.pipeline (
      id text primary key,
      tenant_id text not null,
      name text not null,
      metadata jsonb not null,
      created_at timestamptz not null
    )`.execute(db);
  await sql`create index pipeline_of_tenant on gateway.pipeline (tenant_id, id desc)`.execute(db);
}
