import {
  DEFAULT_SCHEMA,
  PostgresConnection,
  PostgresQueueBackend,
  quoteSchemaName,
  runMigrations,
  type BackendFactory,
  type PgPool,
  type PgPoolClient,
  type PgQueryResult,
} from 'bullmq';
import type { EventEmitter } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';

/** SQLSTATE: connection exceptions, shutdown, crash, starting up, too many connections. */
const LOST = /^(08...|57P0[123]|53300)$/;
const SOCKET = new Set(['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH']);
const LOST_WORDS = /Connection terminated|timeout exceeded when trying to connect/;

/** By its shape, not its class: what Node throws belongs to another realm when tests run. */
export function isConnectionLoss(e: unknown): e is Error {
  if (typeof e !== 'object' || e === null || !('message' in e)) return false;
  const code = 'code' in e && typeof e.code === 'string' ? e.code : '';
  return LOST.test(code) || SOCKET.has(code) || LOST_WORDS.test(String(e.message));
}

/**
 * The pool under BullMQ's PostgreSQL backend. BullMQ remembers a failed first connection for ever, and takes a connection lost while a finished job is being
 * recorded for a failure of the job; here a connection is waited for until the pool is closed, and every loss carries the one code that BullMQ repeats after.
 */
export class QueuePool implements PgPool {
  /** Read by BullMQ: with keep-alive it notices a dropped LISTEN connection. */
  readonly options = { keepAlive: true };
  readonly schema: string;
  private readonly pool: pg.Pool;
  private closed = false;
  private migrated: Promise<void> | undefined;

  constructor(
    config: { readonly connectionString: string; readonly schema?: string },
    max: number,
    private readonly onProblem: (e: Error) => void,
  ) {
    this.schema = config.schema ?? DEFAULT_SCHEMA;
    this.pool = new pg.Pool({
      connectionString: config.connectionString,
      max,
      keepAlive: true,
      connectionTimeoutMillis: 5000,
      options: `-c search_path=${quoteSchemaName(this.schema)}`,
    });
    this.pool.on('error', onProblem); // an idle connection that drops; without a listener it would end the process
  }

  async connect(): Promise<pg.PoolClient> {
    for (let wait = 50; ; wait = Math.min(wait * 2, 1000)) {
      try {
        await this.migrate();
        return await this.pool.connect();
      } catch (e) {
        if (this.closed || !isConnectionLoss(e)) throw e;
        this.onProblem(e);
        await sleep(wait);
        if (this.closed) throw e;
      }
    }
  }

  async query<R>(text: string, params: readonly unknown[] = []): Promise<PgQueryResult<R>> {
    try {
      const result = await this.pool.query<pg.QueryResultRow>(text, [...params]);
      return { rows: result.rows as R[], rowCount: result.rowCount };
    } catch (e) {
      throw isConnectionLoss(e) ? repeatable(e) : e;
    }
  }

  async end(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    await this.pool.end();
  }

  on(event: 'error', listener: (e: Error) => void): this;
  on(event: 'connect', listener: (client: PgPoolClient) => void): this;
  on(event: string, listener: (value: Error & PgPoolClient) => void): this {
    (this.pool as EventEmitter).on(event, listener);
    return this;
  }

  removeAllListeners(): this {
    return this; // ours must stay
  }

  /** Makes BullMQ's schema; processes that start together take turns on its advisory lock. */
  migrate(): Promise<void> {
    this.migrated ??= (async () => {
      const client = await this.pool.connect();
      try {
        await runMigrations(client, this.schema);
      } finally {
        client.release();
      }
    })();
    this.migrated.catch(() => (this.migrated = undefined));
    return this.migrated;
  }
}

class PooledConnection extends PostgresConnection {
  // BullMQ assumes its default schema for a pool that it was given
  override readonly schema: string;

  constructor(pool: QueuePool) {
    super(pool);
    this.schema = pool.schema;
  }
}

/** BullMQ's own factory opens a pool for each queue; this one shares the pool it is given. */
export const pooledBackend: BackendFactory<PostgresQueueBackend, QueuePool> = (
  name,
  opts,
  { withBlockingConnection } = {},
) =>
  // a worker's LISTEN connection is named after its queue: that is how BullMQ lists workers
  new PostgresQueueBackend(
    new PooledConnection(opts.connection),
    name,
    opts,
    true,
    withBlockingConnection ? name : undefined,
  );

const repeatable = (e: Error): Error =>
  Object.assign(new Error(`PostgreSQL is not reachable (ECONNREFUSED): ${e.message}`, { cause: e }), {
    code: 'ECONNREFUSED',
  });
