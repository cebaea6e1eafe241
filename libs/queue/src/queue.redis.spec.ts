import { describe, it } from '@jest/globals';
import { freePort, redisAvailable, startRedis } from '@strata/devstack';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { conformsToQueuePort } from './testing/conformance.js';

if (redisAvailable()) {
  conformsToQueuePort('queue on Redis', async () => {
    const port = await freePort();
    const dataDir = mkdtempSync(path.join(os.tmpdir(), 'strata-queue-redis-'));
    let redis = await startRedis({ port, dataDir, durable: true });
    return {
      config: { backend: 'redis', url: redis.url },
      restart: async () => {
        await redis.kill('SIGKILL');
        redis = await startRedis({ port, dataDir, durable: true });
      },
      stop: async () => {
        await redis.stop();
        rmSync(dataDir, { recursive: true, force: true });
      },
    };
  });
} else {
  console.log('skipped: the queue on Redis, because redis-server is not installed (apt-get install redis-server)');
  describe.skip('queue on Redis', () => it('needs redis-server', () => undefined));
}
