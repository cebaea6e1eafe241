import { Injectable } from '@nestjs/common';
import type { CreateKey, CreateTenant, KeyView, ListQuery, TenantView } from '@strata/contracts';
import { newId, StrataError } from '@strata/kernel';
import type { Selectable } from 'kysely';
import { KeysService } from '../auth/keys.service.js';
import { Database } from '../db/database.js';
import type { TenantTable } from '../db/tables.js';
import { type Page, readPage } from '../http/paging.js';

const view = (row: Selectable<TenantTable>): TenantView => ({
  object: 'tenant',
  id: row.id,
  name: row.name,
  created_at: row.created_at.toISOString(),
});

@Injectable()
export class TenantsService {
  constructor(
    private readonly db: Database,
    private readonly keys: KeysService,
  ) {}

  async create(tenant: CreateTenant): Promise<TenantView> {
    const row = await this.db.kysely
      .insertInto('tenant')
      .values({ id: newId('tenant'), name: tenant.name })
      .onConflict((c) => c.column('name').doNothing())
      .returningAll()
      .executeTakeFirst();
    if (!row) throw new StrataError('already_exists', `a tenant is called "${tenant.name}": choose another name`);
    return view(row);
  }

  list(query: ListQuery): Promise<Page<TenantView>> {
    return readPage(this.db.kysely.selectFrom('tenant').selectAll(), query, (rows) => rows.map(view));
  }

  async get(id: string): Promise<TenantView> {
    const row = await this.db.kysely.selectFrom('tenant').selectAll().where('id', '=', id).executeTakeFirst();
    if (!row) throw new StrataError('not_found', `there is no tenant ${id}`);
    return view(row);
  }

  async createKey(id: string, key: CreateKey): Promise<KeyView> {
    const tenant = await this.get(id);
    return this.keys.create(tenant.id, key);
  }
}
