// BullMQ without Strata, and PostgreSQL without either: what the gateway is compared with.
import { randomUUID } from 'node:crypto';
import { Queue, Worker, createPostgresBackend } from 'bullmq';
import { Redis } from 'ioredis';
import pg from 'pg';

/** As many connections as Strata's own producer has. */
const CONNECTIONS = 8;

export async function rawQueue({ url, connectionString }) {
  const connection = url
    ? new Redis(url, { maxRetriesPerRequest: null })
    : { connectionString, schema: 'bullmq', migrate: true, max: CONNECTIONS };
  const factory = url ? undefined : createPostgresBackend;
  const open = (name) => new Queue(name, { connection }, factory);
  const queue = open('bench-raw');
  const busy = open('bench-empty');
  await Promise.all([queue.waitUntilReady(), busy.waitUntilReady()]);
  const others = new Map();
  const other = (name) => {
    if (!others.has(name)) others.set(name, open(name));
    return others.get(name);
  };
  // the settings of a job that Strata gives, with an id of its own
  const options = () => ({ jobId: `job_${randomUUID()}`, removeOnComplete: true, removeOnFail: true, attempts: 3 });

  return {
    add: (payload) => queue.add('job', payload, options()),
    pause: (name) => other(name).pause(),
    resume: (name) => other(name).resume(),
    async payloadOf(name, id) {
      for (const end = Date.now() + 10_000; Date.now() < end; await new Promise((r) => setTimeout(r, 5))) {
        const job = await other(name).getJob(id);
        if (job) return job.data;
      }
      throw new Error(`job ${id} did not reach the queue ${name}`);
    },
    /** Milliseconds from add until the worker has recorded the end, of jobs that do nothing, one after the other. */
    async emptyJobs(n, payload) {
      const worker = new Worker('bench-empty', async () => null, { connection }, factory);
      worker.on('error', (e) => console.error(e.message));
      await worker.waitUntilReady();
      const took = [];
      for (let i = 0; i < n + 10; i++) {
        const t = performance.now();
        const done = new Promise((resolve) => worker.once('completed', resolve));
        await busy.add('job', payload, options());
        await done;
        if (i >= 10) took.push(performance.now() - t);
      }
      await worker.close();
      return took;
    },
    async close() {
      await Promise.all([queue, busy, ...others.values()].map((q) => q.close()));
      if (url) connection.disconnect();
    },
  };
}

/** One row of a job's size, in a transaction of its own. */
export async function committedInsert(connectionString) {
  const client = new pg.Client({ connectionString });
  client.on('error', (e) => console.error(e.message));
  await client.connect();
  await client.query('CREATE SCHEMA IF NOT EXISTS bench');
  await client.query('CREATE TABLE IF NOT EXISTS bench.job (id text PRIMARY KEY, at timestamptz, body jsonb)');
  return {
    one: (body) =>
      client.query({
        name: 'insert',
        text: 'INSERT INTO bench.job VALUES ($1, now(), $2)',
        values: [randomUUID(), JSON.stringify(body)],
      }),
    close: () => client.end(),
  };
}
