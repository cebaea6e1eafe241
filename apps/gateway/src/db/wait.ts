import { setTimeout as sleep } from 'node:timers/promises';
import { StrataError } from '@strata/kernel';
import type { Database } from './database.js';
import { codeOf, messageOf } from './error-code.js';

// cannot connect, starting up, name not resolved yet: worth waiting for. A wrong password or database name is not.
const PASSING = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  '57P03',
  '57P01',
  '53300',
]);

const address = (url: string): string => {
  const { hostname, port, pathname } = new URL(url);
  return `${hostname}:${port || '5432'}${pathname}`;
};

/**
 * Returns when the database answers.
 * @throws StrataError `unavailable` after `seconds`, or at once when waiting would not help
 */
export async function waitForDatabase(db: Database, url: string, seconds: number): Promise<void> {
  const until = performance.now() + seconds * 1000;
  for (;;) {
    try {
      await db.pool.query('select 1');
      return;
    } catch (cause) {
      const reason = messageOf(cause);
      const passing = PASSING.has(codeOf(cause)) || /Connection terminated/.test(reason);
      if (passing && performance.now() < until) {
        await sleep(200);
        continue;
      }
      const waited = passing ? ` for ${seconds} s` : '';
      throw new StrataError(
        'unavailable',
        `the database at ${address(url)} does not answer${waited}: ${reason}. Start PostgreSQL or correct DATABASE_URL`,
        { cause },
      );
    }
  }
}
