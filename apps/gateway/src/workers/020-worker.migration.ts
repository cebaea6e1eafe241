import { type Kysely, sql } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table gateway.worker (
      id text primary key,
      queue text not null,
      host text not null,
      pid integer not null,
      version text not null,
      state text not null,
      concurrency integer not null,
      devices jsonb not null,
      recipes text[] not null,
      running text[] not null,
      cpu_fraction double precision,
      memory_bytes bigint,
      inference_address text,
      acked_seq bigint not null default 0,
      connected_at timestamptz not null,
      last_seen_at timestamptz not null
    )`.execute(db);
  await sql`create index worker_seen on gateway.worker (last_seen_at) where state = 'online'`.execute(db);
}
