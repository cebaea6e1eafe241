import { chmod, mkdir, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { newId, StrataError } from '@strata/kernel';
import { sql } from 'kysely';
import { insertKey } from '../auth/keys.service.js';
import { newSecret } from '../auth/secret.js';
import type { Database } from '../db/database.js';
import { messageOf } from '../db/error-code.js';

// any number that nothing else locks: two gateways that start at once must not both be the first
const LOCK = 4_600_001;
export const ADMIN_KEY_FILE = 'admin-key';

/** The key and its file; the file comes first, so that a crash in between leaves no key that nobody knows. */
async function keep(dataDir: string, secret: string): Promise<string> {
  const file = path.join(dataDir, ADMIN_KEY_FILE);
  try {
    await mkdir(dataDir, { recursive: true });
    await writeFile(`${file}.new`, `${secret}\n`, { mode: 0o600 });
    await chmod(`${file}.new`, 0o600);
    await rename(`${file}.new`, file);
  } catch (cause) {
    throw new StrataError(
      'not_writable',
      `the first admin key cannot be kept in ${file} (${messageOf(cause)}): make the folder writable or set DATA_DIR to another`,
      { cause },
    );
  }
  return file;
}

/**
 * On an empty database: the tenant "default" with an admin key, whose secret goes to `DATA_DIR/admin-key`, readable by the owner alone.
 * @returns the secret, or undefined when there are tenants already
 * @throws StrataError `not_writable`
 */
export async function firstStart(db: Database, dataDir: string): Promise<string | undefined> {
  return db.transaction(async (trx) => {
    await sql`select pg_advisory_xact_lock(${LOCK})`.execute(trx);
    const any = await trx.selectFrom('tenant').select('id').limit(1).executeTakeFirst();
    if (any) return undefined;
    const secret = newSecret();
    const file = await keep(dataDir, secret.secret);
    try {
      const tenantId = newId('tenant');
      await trx.insertInto('tenant').values({ id: tenantId, name: 'default', operator: true }).execute();
      await insertKey(trx, tenantId, { name: 'admin', scopes: ['read', 'write', 'admin'] }, secret);
    } catch (e) {
      await rm(file, { force: true });
      throw e;
    }
    return secret.secret;
  });
}
