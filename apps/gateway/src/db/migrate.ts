import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { StrataError } from '@strata/kernel';
import type { Kysely } from 'kysely';
import { type Migration, type MigrationProvider, Migrator } from 'kysely/migration';
import type { Database } from './database.js';
import { SCHEMA } from './database.js';
import { messageOf } from './error-code.js';

const HERE = path.dirname(fileURLToPath(import.meta.url));
const FILE = /^(\d{3}-[a-z0-9-]+)\.migration\.(ts|js)$/;

/**
 * Finds `NNN-name.migration.ts` in every feature folder: deleting a feature deletes its tables' history with it. A file exports
 * `up(db)`, and its SQL names the schema: `create table gateway.dataset (…)`.
 */
export class FolderMigrations implements MigrationProvider {
  async getMigrations(): Promise<Record<string, Migration>> {
    const root = path.join(HERE, '..');
    const found: Record<string, Migration> = {};
    for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
      const name = FILE.exec(entry.name)?.[1];
      if (!name || !entry.isFile()) continue;
      if (found[name])
        throw new StrataError('invalid_configuration', `two migrations are called ${name}: renumber one`);
      found[name] = (await import(pathToFileURL(path.join(entry.parentPath, entry.name)).href)) as Migration;
    }
    return found;
  }
}

/**
 * Brings the schema up to date; several gateways may do it at once (kysely takes an advisory lock).
 * @throws StrataError `internal` naming the migration that failed
 */
export async function migrate(database: Database): Promise<void> {
  const migrator = new Migrator({
    db: database.kysely as unknown as Kysely<unknown>,
    provider: new FolderMigrations(),
    migrationTableSchema: SCHEMA,
    // features number their migrations on their own
    allowUnorderedMigrations: true,
  });
  const { error, results } = await migrator.migrateToLatest();
  if (error !== undefined) {
    const failed = results?.find((r) => r.status === 'Error')?.migrationName ?? 'the migrations';
    throw new StrataError(
      'internal',
      `the database could not be brought up to date: ${failed} failed: ${messageOf(error)}`,
      {
        cause: error,
      },
    );
  }
}
