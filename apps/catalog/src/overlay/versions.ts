import { StrataError } from '@strata/kernel';
import type { Entry } from '@strata/map';
import { type Selectable, sql, type Transaction } from 'kysely';
import { databaseError, type Database, type Db, type Tables } from './database.js';
import { diffEntries, slugsOf, type EntryChange } from './diff.js';

export interface Version {
  readonly number: number;
  readonly createdAt: Date;
  readonly actor: string;
  readonly note: string;
  readonly entries: number;
  readonly added: number;
  readonly changed: number;
  readonly removed: number;
  readonly hash: string;
}
export interface Change {
  readonly actor: string;
  readonly note: string;
  /** From the entries as they are to those that there shall be. @throws to change nothing */
  readonly next: (current: readonly Entry[]) => readonly Entry[] | Promise<readonly Entry[]>;
  /** What else belongs to the same transaction. */
  readonly also?: (trx: Transaction<Tables>, version: number) => Promise<void>;
}
export interface Changed {
  readonly version: Version;
  readonly changes: readonly EntryChange[];
}

type Row = Omit<Selectable<Tables['overlay_version']>, 'tenant_id' | 'entries'> & { entries: number };

const counted = sql<number>`jsonb_array_length(entries)`.as('entries');
const versionOf = (r: Omit<Row, 'actor' | 'note'> & { actor?: string; note?: string; hash?: string }): Version => ({
  number: r.number,
  createdAt: r.created_at,
  actor: r.actor ?? '',
  note: r.note ?? '',
  entries: r.entries,
  added: r.added,
  changed: r.changed,
  removed: r.removed,
  hash: r.hash ?? '',
});

/** The states of the public map and of each tenant's own entries. */
export function createVersions(database: Database) {
  const asked = async <T>(work: (db: Db) => Promise<T>): Promise<T> => {
    const db = await database.open();
    try {
      return await work(db);
    } catch (e) {
      throw databaseError(e);
    }
  };

  const missing = (number: number): StrataError =>
    new StrataError('not_found', `there is no version ${number}`, { where: { field: 'number' } });

  const newestRow = (db: Db, tenant: string) =>
    db
      .selectFrom('overlay_version')
      .selectAll()
      .where('tenant_id', '=', tenant)
      .orderBy('number', 'desc')
      .limit(1)
      .executeTakeFirst();

  const changeOnce = async (tenant: string, { actor, note, next, also }: Change): Promise<Changed> => {
    for (;;) {
      const last = await asked((db) => newestRow(db, tenant));
      const entries = [...(await next(last?.entries ?? []))].sort((a, b) => (a.slug < b.slug ? -1 : 1));
      const changes = diffEntries(last?.entries ?? [], entries);
      if (!changes.length && last) {
        await asked((db) => db.transaction().execute(async (trx) => also?.(trx, last.number)));
        return { version: versionOf({ ...last, entries: last.entries.length }), changes };
      }
      const number = (last?.number ?? 0) + 1;
      const row = await asked((db) =>
        db.transaction().execute(async (trx) => {
          // the number is the lock: who comes second inserts nothing
          const made = await trx
            .insertInto('overlay_version')
            .values({
              tenant_id: tenant,
              number,
              actor,
              note,
              entries: sql`${JSON.stringify(entries)}::jsonb`,
              added: slugsOf(changes, 'added').length,
              changed: slugsOf(changes, 'changed').length,
              removed: slugsOf(changes, 'removed').length,
            })
            .onConflict((c) => c.doNothing())
            .returning(['number', 'created_at', 'actor', 'note', counted, 'added', 'changed', 'removed'])
            .executeTakeFirst();
          if (made) await also?.(trx, number);
          return made;
        }),
      );
      if (row) return { version: versionOf(row), changes };
    }
  };

  /** Work of one tenant in this process, one after the other. */
  const turns = new Map<string, Promise<unknown>>();
  const inTurn = <T>(tenant: string, work: () => Promise<T>): Promise<T> => {
    const before = turns.get(tenant) ?? Promise.resolve();
    const mine = before.then(work, work);
    const settled = mine.catch(() => undefined);
    turns.set(tenant, settled);
    void settled.then(() => turns.get(tenant) === settled && turns.delete(tenant));
    return mine;
  };

  return {
    /** Number of the tenant's newest version; 0 when there is none. */
    newest: (tenant: string): Promise<number> =>
      asked(async (db) => {
        const row = await db
          .selectFrom('overlay_version')
          .select('number')
          .where('tenant_id', '=', tenant)
          .orderBy('number', 'desc')
          .limit(1)
          .executeTakeFirst();
        return row?.number ?? 0;
      }),

    /** Entries as they were at a version; version 0 has none. An empty tenant stands for the public map. @throws StrataError `not_found` */
    entries: (tenant: string, number: number): Promise<Entry[]> =>
      asked(async (db) => {
        if (number === 0) return [];
        const row = tenant
          ? await db
              .selectFrom('overlay_version')
              .select('entries')
              .where('tenant_id', '=', tenant)
              .where('number', '=', number)
              .executeTakeFirst()
          : await db.selectFrom('public_version').select('entries').where('number', '=', number).executeTakeFirst();
        if (!row) throw missing(number);
        return row.entries;
      }),

    /** Newest first. */
    list: (tenant: string, before: number, limit: number): Promise<Version[]> =>
      asked(async (db) => {
        if (tenant) {
          const rows = await db
            .selectFrom('overlay_version')
            .select(['number', 'created_at', 'actor', 'note', counted, 'added', 'changed', 'removed'])
            .where('tenant_id', '=', tenant)
            .$if(before > 0, (q) => q.where('number', '<', before))
            .orderBy('number', 'desc')
            .limit(limit)
            .execute();
          return rows.map(versionOf);
        }
        const rows = await db
          .selectFrom('public_version')
          .select(['number', 'created_at', 'hash', counted, 'added', 'changed', 'removed'])
          .$if(before > 0, (q) => q.where('number', '<', before))
          .orderBy('number', 'desc')
          .limit(limit)
          .execute();
        return rows.map(versionOf);
      }),

    /** Keeps the state of the public map, unless it is the newest already. */
    recordPublic: (hash: string, entriesNow: () => readonly Entry[]): Promise<void> =>
      asked((db) =>
        db.transaction().execute(async (trx) => {
          await sql`select pg_advisory_xact_lock(hashtext('catalog.public_version'))`.execute(trx);
          const last = await trx
            .selectFrom('public_version')
            .select(['hash', 'entries'])
            .orderBy('number', 'desc')
            .limit(1)
            .executeTakeFirst();
          if (last?.hash === hash) return;
          const entries = entriesNow();
          const changes = diffEntries(last?.entries ?? [], entries);
          await trx
            .insertInto('public_version')
            .values({
              hash,
              entries: sql`${JSON.stringify(entries)}::jsonb`,
              added: slugsOf(changes, 'added').length,
              changed: slugsOf(changes, 'changed').length,
              removed: slugsOf(changes, 'removed').length,
            })
            .execute();
        }),
      ),

    /**
     * Changes a tenant's own entries: one change after the other, each a new version; a change that changes nothing makes none. `next` may take its time: no connection is held
     * meanwhile, and it is asked again when another catalog was faster.
     */
    change: (tenant: string, what: Change): Promise<Changed> => inTurn(tenant, () => changeOnce(tenant, what)),

    asked,
  };
}
export type Versions = ReturnType<typeof createVersions>;
