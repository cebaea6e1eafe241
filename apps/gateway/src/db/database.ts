import { Inject, Injectable, Logger } from '@nestjs/common';
import { Kysely, PostgresDialect } from 'kysely';
import pg from 'pg';
import { CONFIG, type Config } from '../config.js';
import type { Db, Tables, Trx } from './tables.js';

export const SCHEMA = 'gateway';
export type Durability = 'full' | 'relaxed';
const INT8 = 20;

/** Counters and sizes stay far below 2^53: numbers, not strings. */
const types: pg.CustomTypesConfig = {
  getTypeParser: (oid, format) =>
    oid === INT8 && format !== 'binary' ? Number : (pg.types.getTypeParser(oid, format) as (text: string) => unknown),
};

/** The connection pool, and kysely on it with schema `gateway`. */
@Injectable()
export class Database {
  readonly pool: pg.Pool;
  /**
   * For what may be lost in a crash of the database, because it will be done again: a commit here does not wait for the disk. Few connections.
   */
  readonly relaxed: pg.Pool;
  readonly kysely: Db;
  private readonly relaxedKysely: Db;
  private readonly log = new Logger(Database.name);

  constructor(@Inject(CONFIG) config: Config) {
    const common = {
      connectionString: config.DATABASE_URL,
      types,
      application_name: 'strata-gateway',
      keepAlive: true,
    };
    this.pool = new pg.Pool({ ...common, max: config.DATABASE_POOL });
    this.relaxed = new pg.Pool({ ...common, max: 4, options: '-c synchronous_commit=off' });
    // A connection that breaks is replaced at the next use; without listeners it would end the process. The pool's own hears of idle
    // connections only: one that breaks between two queries of a transaction tells its client alone.
    for (const pool of [this.pool, this.relaxed]) {
      pool.on('error', (e) => this.log.warn(`an idle database connection broke: ${e.message}`));
      pool.on('connect', (client) => client.on('error', (e) => this.log.debug(`a connection broke: ${e.message}`)));
    }
    const on = (pool: pg.Pool): Db => new Kysely<Tables>({ dialect: new PostgresDialect({ pool }) }).withSchema(SCHEMA);
    this.kysely = on(this.pool);
    this.relaxedKysely = on(this.relaxed);
  }

  /** `durability` `relaxed`: as with the pool of that name. */
  transaction<T>(work: (trx: Trx) => Promise<T>, durability: Durability = 'full'): Promise<T> {
    return (durability === 'full' ? this.kysely : this.relaxedKysely).transaction().execute(work);
  }

  async close(): Promise<void> {
    await Promise.all([this.kysely.destroy(), this.relaxedKysely.destroy()]);
  }
}
