import type { ListQuery } from '@strata/contracts';
import { type SelectQueryBuilder, sql } from 'kysely';

/** A page as every list of the API sends it: `next` is the cursor for `?after=`. */
export interface Page<T> {
  object: 'list';
  data: T[];
  has_more: boolean;
  next: string | null;
}

/**
 * Reads one page of the rows that a query selects, newest first (ids count up with time), and shows it:
 *
 *     const mine = db.selectFrom('dataset').selectAll().where('tenant_id', '=', tenant);
 *     return readPage(mine, query, (rows) => rows.map(datasetView));
 */
export async function readPage<DB, TB extends keyof DB, R extends { id: string }, T>(
  rows: SelectQueryBuilder<DB, TB, R>,
  query: Pick<ListQuery, 'after' | 'limit'>,
  views: (rows: readonly R[]) => T[] | Promise<T[]>,
): Promise<Page<T>> {
  const id = sql.ref<string>('id');
  // one more than is shown tells whether there are more
  const found = await rows
    .$if(query.after !== undefined, (q) => q.where(sql<boolean>`${id} < ${query.after}`))
    .orderBy(id, 'desc')
    .limit(query.limit + 1)
    .execute();
  const shown = found.slice(0, query.limit);
  const has_more = found.length > query.limit;
  return {
    object: 'list',
    data: await views(shown),
    has_more,
    next: has_more ? (shown.at(-1)?.id ?? null) : null,
  };
}
