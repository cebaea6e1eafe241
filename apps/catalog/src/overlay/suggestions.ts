import { newId, StrataError } from '@strata/kernel';
import type { Entry } from '@strata/map';
import type { Selectable } from 'kysely';
import type { Tables } from './database.js';
import type { Changed, Versions } from './versions.js';

export type Suggestion = Selectable<Tables['suggestion']>;

export interface NewSuggestion {
  readonly tenant: string;
  readonly actor: string;
  readonly slug: string;
  /** null: the entry should go. */
  readonly entry: Entry | null;
  readonly comment: string;
}
export interface Decision {
  readonly tenant: string;
  readonly actor: string;
  readonly id: string;
  readonly approve: boolean;
  readonly reason: string;
}

/** A queue of changes that somebody with the right to do so approves or rejects. `check` refuses entries that do not hold together. */
export function createSuggestions(versions: Versions, check: (tenant: string, entries: readonly Entry[]) => void) {
  const find = async (tenant: string, id: string): Promise<Suggestion> => {
    const row = await versions.asked((db) =>
      db.selectFrom('suggestion').selectAll().where('tenant_id', '=', tenant).where('id', '=', id).executeTakeFirst(),
    );
    if (!row) throw new StrataError('not_found', `there is no suggestion "${id}"`);
    return row;
  };

  return {
    /** @throws StrataError `invalid_data` when the entries would not hold together with it as they are now */
    async add({ tenant, actor, slug, entry, comment }: NewSuggestion): Promise<Suggestion> {
      const current = await versions.entries(tenant, await versions.newest(tenant));
      check(tenant, applied(current, slug, entry));
      const id = newId('suggestion');
      await versions.asked((db) =>
        db
          .insertInto('suggestion')
          .values({
            id,
            tenant_id: tenant,
            state: 'pending',
            slug,
            entry: entry === null ? null : (JSON.stringify(entry) as unknown as Entry),
            comment,
            actor,
            reason: '',
          })
          .execute(),
      );
      return find(tenant, id);
    },

    /** Newest first. */
    list: (tenant: string, state: string, after: string, limit: number): Promise<Suggestion[]> =>
      versions.asked((db) =>
        db
          .selectFrom('suggestion')
          .selectAll()
          .where('tenant_id', '=', tenant)
          .$if(state !== '', (q) => q.where('state', '=', state as Suggestion['state']))
          .$if(after !== '', (q) => q.where('id', '<', after))
          .orderBy('id', 'desc')
          .limit(limit)
          .execute(),
      ),

    /**
     * Approves, which makes a version, or rejects: once, whoever else decides at the same time.
     * @throws StrataError `not_found`, `conflict` when it is decided already, `invalid_data` when the entries no longer hold together with it
     */
    async decide({
      tenant,
      actor,
      id,
      approve,
      reason,
    }: Decision): Promise<{ suggestion: Suggestion; changed: Changed | undefined }> {
      const { slug, entry, comment } = await find(tenant, id);
      const settle = (state: Suggestion['state'], version: number | null) => ({
        state,
        decided_by: actor,
        decided_at: new Date(),
        reason,
        version,
      });
      const once = (updated: bigint): void => {
        if (updated === 0n) throw new StrataError('conflict', `suggestion "${id}" is decided already`);
      };
      let changed: Changed | undefined;
      if (approve)
        changed = await versions.change(tenant, {
          actor,
          note: comment || `suggestion ${id}`,
          next(current) {
            const entries = applied(current, slug, entry);
            check(tenant, entries);
            return entries;
          },
          async also(trx, version) {
            const done = await trx
              .updateTable('suggestion')
              .set(settle('approved', version))
              .where('id', '=', id)
              .where('state', '=', 'pending')
              .executeTakeFirst();
            once(done.numUpdatedRows);
          },
        });
      else
        await versions.asked(async (db) => {
          const done = await db
            .updateTable('suggestion')
            .set(settle('rejected', null))
            .where('id', '=', id)
            .where('state', '=', 'pending')
            .executeTakeFirst();
          once(done.numUpdatedRows);
        });
      return { suggestion: await find(tenant, id), changed };
    },
  };
}
export type Suggestions = ReturnType<typeof createSuggestions>;

function applied(current: readonly Entry[], slug: string, entry: Entry | null): Entry[] {
  const others = current.filter((e) => e.slug !== slug);
  if (entry === null && others.length === current.length)
    throw new StrataError('not_found', `none of your entries is called "${slug}"`, { where: { field: 'remove' } });
  return entry === null ? others : [...others, entry];
}
