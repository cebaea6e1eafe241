import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { createArtifactStore, type ArtifactStore } from '@strata/artifacts';
import type { JobSpec } from '@strata/contracts';
import { startPostgres, type Postgres } from '@strata/devstack';
import { createQueue, type QueueConfig, type QueueItem, type QueuePort } from '@strata/queue';
import { createRegistry } from '../metrics.js';
import { runWorkerHost, type WorkerHost, type WorkerHostOptions } from '../worker/host.js';
import { TOKEN, quiet, startControlServer, type ControlServer, type Records } from './control-server.js';
import { testRecipes } from './recipes.js';
import { SOURCE_ARGV, program, testEnvironment } from './source.js';
import { until } from './until.js';

/** A real PostgreSQL with a queue, an artifact store and folders for workers. */
export interface Rig {
  readonly queueConfig: QueueConfig;
  readonly queue: QueuePort;
  readonly store: ArtifactStore;
  readonly artifacts: { readonly kind: 'folder'; readonly dir: string };
  folder(name: string): string;
  submit(recipe: string, params?: Record<string, unknown>, item?: Partial<QueueItem>): Promise<string>;
  /** Stopped with the rig at the latest. */
  gateway(records: Records, options?: { port?: number; ackEvery?: number }): Promise<ControlServer>;
  host(name: string, controlPort: number, more?: Partial<WorkerHostOptions>): Promise<WorkerHost>;
  gone(id: string): Promise<void>;
  stop(): Promise<void>;
}

export const QUEUE = 'strata-train';

export const specOf = (id: string, recipe: string, params: Record<string, unknown>): JobSpec => ({
  job_id: id,
  tenant_id: 'tnt_1',
  request_id: `req_${id}`,
  recipe,
  params,
  inputs: {},
  seed: 7,
  device: 'cpu',
  limits: { attempts: 3 },
});

export async function startRig(): Promise<Rig> {
  const root = mkdtempSync(path.join(os.tmpdir(), 'strata-worker-'));
  const postgres: Postgres = await startPostgres({ dataDir: path.join(root, 'pg'), durable: false });
  const queueConfig: QueueConfig = { backend: 'postgres', connectionString: postgres.url };
  const queue = createQueue(queueConfig);
  const artifacts = { kind: 'folder' as const, dir: path.join(root, 'artifacts') };
  const store = createArtifactStore(artifacts);
  const hosts: WorkerHost[] = [];
  const gateways: ControlServer[] = [];
  let jobs = 0;
  return {
    queueConfig,
    queue,
    store,
    artifacts,
    folder: (name) => path.join(root, name),
    async submit(recipe, params = {}, item = {}) {
      const id = item.id ?? `job_${++jobs}`;
      const backoff = { type: 'fixed' as const, delayMs: 20 };
      await queue.add(QUEUE, { payload: specOf(id, recipe, params), attempts: 3, backoff, ...item, id });
      return id;
    },
    async gateway(records, options) {
      const server = await startControlServer(records, options);
      gateways.push(server);
      return server;
    },
    async host(name, controlPort, more = {}) {
      const host = await runWorkerHost({
        queue: 'train',
        version: '0',
        queueConfig,
        artifacts,
        control: { address: `127.0.0.1:${controlPort}`, token: TOKEN },
        child: { entry: program('child-program'), execArgv: SOURCE_ARGV, env: testEnvironment() },
        recipes: testRecipes,
        dataDir: path.join(root, name),
        concurrency: 2,
        threads: 1,
        memoryMb: 1_000,
        cacheMb: 100,
        checkpointIntervalS: 1e6,
        drainS: 10,
        heartbeatMs: 200,
        log: quiet,
        registry: createRegistry('test'),
        ...more,
      });
      hosts.push(host);
      return host;
    },
    gone: (id) => until(`${id} leaves the queue`, async () => (await queue.missing(QUEUE, [id])).length === 1),
    async stop() {
      await Promise.all(hosts.map((h) => h.stop()));
      await Promise.all(gateways.map((g) => g.stop()));
      await queue.close();
      await store.close();
      await postgres.stop();
      rmSync(root, { recursive: true, force: true });
    },
  };
}
