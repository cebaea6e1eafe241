import type { ColumnType, Generated, Kysely, Transaction } from 'kysely';
import type { Scope } from '@strata/contracts';

/** A jsonb column: read as the value, written as JSON text (see `json`). */
export type Json<T> = ColumnType<T, string, string>;

export interface TenantTable {
  id: string;
  name: string;
  /** The first tenant: its administrators look after the installation. */
  operator: Generated<boolean>;
  created_at: Generated<Date>;
}

export interface ApiKeyTable {
  id: string;
  tenant_id: string;
  name: string;
  /** First characters of the secret, to recognise it. */
  prefix: string;
  /** SHA-256 of the secret. */
  hash: Buffer;
  scopes: Scope[];
  created_at: Generated<Date>;
  expires_at: Date | null;
  revoked_at: Date | null;
  last_used_at: Date | null;
}

/**
 * All tables of schema `gateway`. A feature adds its own beside its code:
 *
 *     declare module '../db/tables.js' {
 *       interface Tables { dataset: DatasetTable }
 *     }
 */
export interface Tables {
  tenant: TenantTable;
  api_key: ApiKeyTable;
}

export type Db = Kysely<Tables>;
export type Trx = Transaction<Tables>;
