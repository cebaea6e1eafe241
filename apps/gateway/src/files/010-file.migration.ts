import { type Kysely, sql } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table gateway.file (
      id text primary key,
      tenant_id text not null references gateway.tenant (id) on delete cascade,
      filename text not null,
      bytes bigint not null,
      sha256 text not null,
      media_type text not null,
      created_at timestamptz not null default now(),
      deleted_at timestamptz
    )`.execute(db);
  await sql`create index file_tenant on gateway.file (tenant_id, id) where deleted_at is null`.execute(db);
}
