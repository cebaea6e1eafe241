import { Injectable } from '@nestjs/common';
import type { CreateKey, KeyView, ListQuery, Scope } from '@strata/contracts';
import { newId, StrataError } from '@strata/kernel';
import type { Selectable } from 'kysely';
import { Database } from '../db/database.js';
import type { ApiKeyTable, Db } from '../db/tables.js';
import { type Page, readPage } from '../http/paging.js';
import { KeyCache } from './key-cache.js';
import { type NewSecret, newSecret } from './secret.js';

type KeyRow = Selectable<ApiKeyTable>;

export function keyView(row: KeyRow, secret?: string): KeyView {
  return {
    object: 'key',
    id: row.id,
    tenant: row.tenant_id,
    name: row.name,
    prefix: row.prefix,
    scopes: row.scopes,
    created_at: row.created_at.toISOString(),
    expires_at: row.expires_at?.toISOString() ?? null,
    revoked_at: row.revoked_at?.toISOString() ?? null,
    last_used_at: row.last_used_at?.toISOString() ?? null,
    ...(secret ? { secret } : {}),
  };
}

/** Inserts a key; `secret` may be made beforehand, by a caller that has to keep it somewhere first. */
export async function insertKey(
  db: Db,
  tenantId: string,
  key: { name: string; scopes: Scope[]; expires_at?: string | undefined },
  secret: NewSecret = newSecret(),
): Promise<KeyView> {
  const row = await db
    .insertInto('api_key')
    .values({
      id: newId('key'),
      tenant_id: tenantId,
      name: key.name,
      prefix: secret.prefix,
      hash: secret.hash,
      scopes: key.scopes,
      expires_at: key.expires_at ? new Date(key.expires_at) : null,
      revoked_at: null,
      last_used_at: null,
    })
    .returningAll()
    .executeTakeFirstOrThrow();
  return keyView(row, secret.secret);
}

/** The API keys of one tenant. */
@Injectable()
export class KeysService {
  constructor(
    private readonly db: Database,
    private readonly cache: KeyCache,
  ) {}

  create(tenantId: string, key: CreateKey): Promise<KeyView> {
    if (key.expires_at && Date.parse(key.expires_at) <= Date.now())
      throw new StrataError('invalid_request', 'field "expires_at": it lies in the past', {
        where: { field: 'expires_at' },
      });
    return insertKey(this.db.kysely, tenantId, key);
  }

  list(tenantId: string, query: ListQuery): Promise<Page<KeyView>> {
    return readPage(this.rows(tenantId), query, (rows) => rows.map((row) => keyView(row)));
  }

  async get(tenantId: string, id: string): Promise<KeyView> {
    return keyView(await this.row(tenantId, id));
  }

  /** Takes effect at every gateway at once; a revoked key stays in the list. */
  async revoke(tenantId: string, id: string): Promise<KeyView> {
    const row = await this.row(tenantId, id);
    if (row.revoked_at) return keyView(row);
    const revoked = await this.db.kysely
      .updateTable('api_key')
      .set({ revoked_at: new Date() })
      .where('id', '=', row.id)
      .returningAll()
      .executeTakeFirstOrThrow();
    await this.cache.changed(row.hash);
    return keyView(revoked);
  }

  /** A new key with the same name, scopes and expiry; the old one lives for `graceS` seconds more, or until its own expiry. */
  async rotate(tenantId: string, id: string, graceS: number): Promise<KeyView> {
    const old = await this.row(tenantId, id);
    const now = Date.now();
    if (old.revoked_at || (old.expires_at && old.expires_at.getTime() <= now))
      throw new StrataError('conflict', `key ${id} is no longer valid: create a new one instead`);
    const end = Math.min(now + graceS * 1000, old.expires_at?.getTime() ?? Infinity);
    const fresh = await this.db.transaction(async (trx) => {
      await trx
        .updateTable('api_key')
        .set({ expires_at: new Date(end) })
        .where('id', '=', old.id)
        .execute();
      return insertKey(trx, tenantId, {
        name: old.name,
        scopes: old.scopes,
        expires_at: old.expires_at?.toISOString(),
      });
    });
    await this.cache.changed(old.hash);
    return fresh;
  }

  private async row(tenantId: string, id: string): Promise<KeyRow> {
    const row = await this.rows(tenantId).where('id', '=', id).executeTakeFirst();
    if (!row) throw new StrataError('not_found', `there is no key ${id}`);
    return row;
  }

  private rows(tenantId: string) {
    return this.db.kysely.selectFrom('api_key').selectAll().where('tenant_id', '=', tenantId);
  }
}
