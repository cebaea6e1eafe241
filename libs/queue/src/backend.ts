import { FlowProducer, Queue, Worker, type Processor, type QueueOptions, type WorkerOptions } from 'bullmq';
import { Redis } from 'ioredis';
import type { Bus } from './bus.js';
import type { QueueConfig } from './port.js';
import { postgresBus } from './postgres-bus.js';
import { QueuePool, pooledBackend } from './postgres-pool.js';
import { redisBus } from './redis-bus.js';

/** What differs between Redis and PostgreSQL; everything above is written once. */
export interface Backend {
  readonly bus: Bus;
  queue(name: string, options: Omit<QueueOptions, 'connection'>): Queue;
  flow(): FlowProducer;
  worker(name: string, processor: Processor, options: Omit<WorkerOptions, 'connection'>): Worker;
  check(): Promise<void>;
  close(): Promise<void>;
}

/** Connections of a producer to PostgreSQL: adds of concurrent callers share commits. */
const PRODUCER_CONNECTIONS = 8;
/** One takes jobs and renews locks, one listens, two end jobs. */
const CONSUMER_CONNECTIONS = 4;

export function openBackend(config: QueueConfig, side: 'producer' | 'consumer', onError: (e: Error) => void): Backend {
  return config.backend === 'redis'
    ? redisBackend(config.url, side, onError)
    : postgresBackend(config, side === 'producer' ? PRODUCER_CONNECTIONS : CONSUMER_CONNECTIONS, onError);
}

function redisBackend(url: string, side: 'producer' | 'consumer', onError: (e: Error) => void): Backend {
  const connect = (maxRetriesPerRequest: number | null): Redis => {
    const redis = new Redis(url, {
      maxRetriesPerRequest,
      retryStrategy: (times) => Math.min(50 * 2 ** Math.min(times, 6), 1000),
    });
    redis.on('error', onError);
    return redis;
  };
  // a consumer waits through an outage; a producer's caller is to be told
  const shared = connect(side === 'producer' ? 1 : null);
  const bus = redisBus(shared, () => connect(null), onError);
  return {
    bus,
    queue: (name, options) => new Queue(name, { ...options, connection: shared }),
    flow: () => new FlowProducer({ connection: shared }),
    // its blocking connection is a duplicate that BullMQ makes
    worker: (name, processor, options) => new Worker(name, processor, { ...options, connection: shared }),
    check: async () => void (await shared.ping()),
    async close() {
      await bus.close();
      shared.disconnect();
    },
  };
}

function postgresBackend(
  config: Extract<QueueConfig, { backend: 'postgres' }>,
  connections: number,
  onError: (e: Error) => void,
): Backend {
  const pool = new QueuePool(config, connections, onError);
  const bus = postgresBus(pool, config.connectionString, onError);
  return {
    bus,
    queue: (name, options) => new Queue(name, { ...options, connection: pool }, pooledBackend) as unknown as Queue,
    flow: () => new FlowProducer({ connection: pool }, pooledBackend) as unknown as FlowProducer,
    worker: (name, processor, options) =>
      new Worker(name, processor, { ...options, connection: pool }, pooledBackend) as unknown as Worker,
    async check() {
      await pool.migrate();
      await pool.query('SELECT 1');
    },
    async close() {
      await bus.close();
      await pool.end();
    },
  };
}
