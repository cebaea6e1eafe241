import { StrataError } from '@strata/kernel';
import { type Generated, Kysely, PostgresDialect, sql } from 'kysely';
import { type Migration, Migrator } from 'kysely/migration';
import type { Entry } from '@strata/map';
import type { ServiceLogger } from '@strata/service-kit';
import pg from 'pg';

const SCHEMA = 'catalog';
const POOL = 4;

export interface Tables {
  /** Every state of the public map that a catalog has served. */
  public_version: {
    number: Generated<number>;
    hash: string;
    created_at: Generated<Date>;
    entries: Entry[];
    added: number;
    changed: number;
    removed: number;
  };
  /** Every state of a tenant's own entries, whole: an overlay is small, and a version can be read without its predecessors. */
  overlay_version: {
    tenant_id: string;
    number: number;
    created_at: Generated<Date>;
    actor: string;
    note: string;
    entries: Entry[];
    added: number;
    changed: number;
    removed: number;
  };
  suggestion: {
    id: string;
    tenant_id: string;
    state: 'pending' | 'approved' | 'rejected';
    slug: string;
    entry: Entry | null;
    comment: string;
    actor: string;
    created_at: Generated<Date>;
    decided_by: string | null;
    decided_at: Date | null;
    reason: string;
    version: number | null;
  };
}
export type Db = Kysely<Tables>;

const MIGRATIONS: Record<string, Migration> = {
  '001-overlay': {
    async up(db: Kysely<never>) {
      await sql`
        create table catalog.public_version (
          number int generated always as identity primary key,
          hash text not null,
          created_at timestamptz not null default now(),
          entries jsonb not null,
          added int not null,
          changed int not null,
          removed int not null
        )`.execute(db);
      await sql`
        create table catalog.overlay_version (
          tenant_id text not null,
          number int not null,
          created_at timestamptz not null default now(),
          actor text not null,
          note text not null,
          entries jsonb not null,
          added int not null,
          changed int not null,
          removed int not null,
          primary key (tenant_id, number)
        )`.execute(db);
      await sql`
        create table catalog.suggestion (
          id text primary key,
          tenant_id text not null,
          state text not null check (state in ('pending', 'approved', 'rejected')),
          slug text not null,
          entry jsonb,
          comment text not null,
          actor text not null,
          created_at timestamptz not null default now(),
          decided_by text,
          decided_at timestamptz,
          reason text not null default '',
          version int
        )`.execute(db);
      await sql`create index suggestion_tenant on catalog.suggestion (tenant_id, id)`.execute(db);
    },
  },
};

export interface Database {
  /** The tables, brought up to date at first use. @throws StrataError `unavailable` while PostgreSQL is away, or when none is configured */
  open(): Promise<Db>;
  close(): Promise<void>;
}

/** What a failed query means to the caller. */
export function databaseError(e: unknown): unknown {
  const code = (e as { code?: string } | null)?.code ?? '';
  const lost = /^(ECONN|ETIMEDOUT|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|57P|08|53300)/.test(code);
  const gone = e instanceof Error && /Connection terminated|timeout exceeded when trying to connect/.test(e.message);
  if (!lost && !gone) return e;
  return new StrataError('unavailable', 'the database of the catalog does not answer; try again', { cause: e });
}

/** Tables in schema `catalog`. Without a URL there is none: the public map needs no database. */
export function createDatabase(url: string, log: ServiceLogger): Database {
  if (!url)
    return {
      open: () =>
        Promise.reject(
          new StrataError('unavailable', 'entries of your own need a database: set DATABASE_URL of the catalog'),
        ),
      close: () => Promise.resolve(),
    };
  const pool = new pg.Pool({ connectionString: url, max: POOL, application_name: 'strata-catalog', keepAlive: true });
  pool.on('error', (e) => log.warn({}, `an idle database connection broke: ${e.message}`));
  pool.on('connect', (client) => client.on('error', (e) => log.debug({}, `a connection broke: ${e.message}`)));
  const db = new Kysely<Tables>({ dialect: new PostgresDialect({ pool }) }).withSchema(SCHEMA);
  let ready: Promise<void> | undefined;
  const migrate = async (): Promise<void> => {
    const migrator = new Migrator({
      db: db as unknown as Kysely<unknown>,
      provider: { getMigrations: () => Promise.resolve(MIGRATIONS) },
      migrationTableSchema: SCHEMA,
    });
    const { error } = await migrator.migrateToLatest();
    if (error !== undefined) throw error;
  };
  return {
    async open() {
      ready ??= migrate();
      try {
        await ready;
      } catch (e) {
        ready = undefined;
        throw databaseError(e);
      }
      return db;
    },
    close: () => db.destroy(),
  };
}
