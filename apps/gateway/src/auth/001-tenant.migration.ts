import { type Kysely, sql } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table gateway.tenant (
      id text primary key,
      name text not null unique,
      operator boolean not null default false,
      created_at timestamptz not null default now()
    )`.execute(db);
  await sql`
    create table gateway.api_key (
      id text primary key,
      tenant_id text not null references gateway.tenant (id) on delete cascade,
      name text not null,
      prefix text not null,
      hash bytea not null unique,
      scopes text[] not null,
      created_at timestamptz not null default now(),
      expires_at timestamptz,
      revoked_at timestamptz,
      last_used_at timestamptz
    )`.execute(db);
  await sql`create index api_key_tenant on gateway.api_key (tenant_id, id)`.execute(db);
}
