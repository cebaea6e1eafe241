import { freePort, startPostgres } from '@strata/devstack';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { conformsToQueuePort } from './testing/conformance.js';

conformsToQueuePort('queue on PostgreSQL', async () => {
  const port = await freePort();
  const dir = mkdtempSync(path.join(os.tmpdir(), 'strata-queue-postgres-'));
  const options = { port, dataDir: path.join(dir, 'pg'), durable: true };
  let postgres = await startPostgres(options);
  return {
    config: { backend: 'postgres', connectionString: postgres.url },
    restart: async () => {
      await postgres.kill('SIGKILL');
      postgres = await startPostgres(options);
    },
    stop: async () => {
      await postgres.stop();
      rmSync(dir, { recursive: true, force: true });
    },
  };
});
