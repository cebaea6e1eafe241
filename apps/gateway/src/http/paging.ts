/** A page as every list of the API sends it: `next` is the cursor for `?after=`. */
export interface Page<T> {
  object: 'list';
  data: T[];
  has_more: boolean;
  next: string | null;
}

/**
 * Makes a page of rows that were asked for with `limit + 1`, newest first:
 *
 *     const rows = await db.selectFrom('dataset').selectAll().where('tenant_id', '=', tenant)
 *       .$if(query.after !== undefined, (q) => q.where('id', '<', query.after!))
 *       .orderBy('id', 'desc').limit(query.limit + 1).execute();
 *     return pageOf(rows, query.limit, viewOf);
 */
export function pageOf<R extends { id: string }, T>(rows: readonly R[], limit: number, view: (row: R) => T): Page<T> {
  const shown = rows.slice(0, limit);
  const has_more = rows.length > limit;
  return { object: 'list', data: shown.map(view), has_more, next: has_more ? (shown.at(-1)?.id ?? null) : null };
}
