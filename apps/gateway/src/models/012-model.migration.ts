import { type Kysely, sql } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table gateway.model (
      id text primary key,
      tenant_id text not null references gateway.tenant (id) on delete cascade,
      name text not null,
      last_version int not null,
      created_at timestamptz not null default now(),
      unique (tenant_id, name)
    )`.execute(db);
  await sql`
    create table gateway.model_version (
      id text primary key,
      tenant_id text not null references gateway.tenant (id) on delete cascade,
      model_id text not null references gateway.model (id) on delete cascade,
      version int not null,
      manifest jsonb not null,
      files jsonb not null,
      size bigint not null,
      source_job text,
      source_recipe text,
      source_output text,
      inputs jsonb not null default '{}',
      created_at timestamptz not null default now(),
      deleted_at timestamptz,
      unique (model_id, version)
    )`.execute(db);
  await sql`
    create table gateway.model_alias (
      model_id text not null references gateway.model (id) on delete cascade,
      alias text not null,
      version int not null,
      primary key (model_id, alias),
      foreign key (model_id, version) references gateway.model_version (model_id, version) on delete cascade
    )`.execute(db);
  await sql`
    create table gateway.deployment (
      model_id text primary key references gateway.model (id) on delete cascade,
      tenant_id text not null references gateway.tenant (id) on delete cascade,
      version int not null,
      created_at timestamptz not null default now(),
      foreign key (model_id, version) references gateway.model_version (model_id, version)
    )`.execute(db);
  await sql`create index deployment_tenant on gateway.deployment (tenant_id, model_id)`.execute(db);
}
