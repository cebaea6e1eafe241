import { type Kysely, sql } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table gateway.dataset (
      id text primary key,
      tenant_id text not null references gateway.tenant (id) on delete cascade,
      name text not null,
      sha256 text not null,
      size bigint not null,
      format jsonb not null,
      source_file text,
      source_job text,
      source_recipe text,
      source_output text,
      inputs jsonb not null default '{}',
      created_at timestamptz not null default now(),
      deleted_at timestamptz
    )`.execute(db);
  await sql`create index dataset_tenant on gateway.dataset (tenant_id, id) where deleted_at is null`.execute(db);
}
