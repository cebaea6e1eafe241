import { describe, it } from '@jest/globals';
import { freePort } from '@strata/devstack';
import { GenericContainer, getContainerRuntimeClient, Wait, type StartedTestContainer } from 'testcontainers';
import { conformsToQueuePort } from './testing/conformance.js';

// the servers as docker-compose.yml runs them
const REDIS = process.env.REDIS_IMAGE ?? 'redis:8';
const POSTGRES = process.env.POSTGRES_IMAGE ?? 'postgres:18';

const engine = await getContainerRuntimeClient().then(
  () => true,
  () => false,
);

/** Killed and started again, with the same data under the same port. */
const restart = (container: StartedTestContainer): Promise<void> => container.restart({ timeout: 0 });

if (engine) {
  conformsToQueuePort('queue on Redis in a container', async () => {
    const port = await freePort();
    const container = await new GenericContainer(REDIS)
      .withCommand([
        'redis-server',
        '--appendonly',
        'yes',
        '--appendfsync',
        'always',
        '--maxmemory-policy',
        'noeviction',
      ])
      .withExposedPorts({ container: 6379, host: port })
      .withWaitStrategy(Wait.forLogMessage(/Ready to accept connections/))
      .start();
    return {
      config: { backend: 'redis', url: `redis://${container.getHost()}:${port}` },
      restart: () => restart(container),
      stop: async () => void (await container.stop({ timeout: 1000 })),
    };
  });
  conformsToQueuePort('queue on PostgreSQL in a container', async () => {
    const port = await freePort();
    const container = await new GenericContainer(POSTGRES)
      .withEnvironment({ POSTGRES_USER: 'strata', POSTGRES_PASSWORD: 'strata', POSTGRES_DB: 'strata' })
      .withExposedPorts({ container: 5432, host: port })
      .withHealthCheck({
        test: ['CMD-SHELL', 'pg_isready -U strata -d strata -h localhost'],
        interval: 500,
        timeout: 3000,
        retries: 60,
      })
      .withWaitStrategy(Wait.forHealthCheck())
      .start();
    return {
      config: {
        backend: 'postgres',
        connectionString: `postgres://strata:strata@${container.getHost()}:${port}/strata`,
      },
      restart: () => restart(container),
      stop: async () => void (await container.stop({ timeout: 1000 })),
    };
  });
} else {
  console.log('skipped: the queue in containers, because no Docker engine answers');
  describe.skip('queue in containers', () => it('needs a Docker engine', () => undefined));
}
