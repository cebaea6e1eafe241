import { createHash } from 'node:crypto';
import { StrataError } from '@strata/kernel';
import type { Db } from '../db/tables.js';
import type { Idempotency } from './store.js';

const KEY = /^[\x21-\x7e]{1,255}$/;

/** JSON with the keys of every object in order: two requests that say the same hash the same. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_, v: unknown) =>
    v && typeof v === 'object' && !Array.isArray(v)
      ? Object.fromEntries(Object.entries(v).sort(([a], [b]) => (a < b ? -1 : 1)))
      : v,
  );
}

/** @throws StrataError `invalid_request` for a key that is not 1 to 255 visible ASCII characters */
export function idempotencyOf(
  key: string | undefined,
  kind: 'job' | 'pipeline',
  body: unknown,
): Idempotency | undefined {
  if (key === undefined) return undefined;
  if (!KEY.test(key))
    throw new StrataError('invalid_request', 'the Idempotency-Key must be 1 to 255 visible ASCII characters', {
      where: { field: 'Idempotency-Key' },
    });
  return {
    key,
    hash: createHash('sha256')
      .update(`${kind} ${canonical(body)}`)
      .digest('hex'),
  };
}

/**
 * What the first request with this key made; undefined when there was none.
 * @throws StrataError `idempotency_mismatch` when that request was another one
 */
export async function findByIdempotency(db: Db, tenantId: string, given: Idempotency): Promise<string | undefined> {
  const row = await db
    .selectFrom('idempotency')
    .select(['request_hash', 'resource_id'])
    .where('tenant_id', '=', tenantId)
    .where('key', '=', given.key)
    .executeTakeFirst();
  if (!row) return undefined;
  if (row.request_hash !== given.hash)
    throw new StrataError(
      'idempotency_mismatch',
      `the idempotency key "${given.key}" was used with another request: take a new key for a new request`,
      { where: { field: 'Idempotency-Key' } },
    );
  return row.resource_id;
}
