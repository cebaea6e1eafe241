import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { JobView } from '@strata/contracts';
import type { QueuePort } from '@strata/queue';
import { Reconciler } from '../control/reconciler.js';
import { Database } from '../db/database.js';
import { QUEUE } from '../platform/platform.module.js';
import { startDatabase, startTestGateway, type TestDatabase, type TestGateway } from '../testing/gateway.js';
import { attachWorker, type TestWorker, until } from '../testing/worker.js';
import { Relay } from './relay.js';

const QUEUE_NAME = 'strata-train';
let database: TestDatabase;
let gateway: TestGateway;
let queue: QueuePort;
let worker: TestWorker;
beforeAll(async () => {
  database = await startDatabase();
  gateway = await startTestGateway(await database.create());
  queue = gateway.app.get<QueuePort>(QUEUE);
  worker = await attachWorker(gateway.control);
}, 60_000);
afterAll(async () => {
  worker?.close();
  await gateway?.stop();
  await database?.stop();
});

const submit = async (): Promise<string> =>
  (await gateway.call<JobView>('POST', '/api/jobs', { body: { recipe: 'diagnostics/ping' } })).body.id;
const sql = (text: string, values: unknown[] = []) => gateway.app.get(Database).pool.query(text, values);
const outbox = async (): Promise<string[]> =>
  (await sql('select job_id from gateway.outbox')).rows.map((r: { job_id: string }) => r.job_id);
const enqueued = (id: string) =>
  until(`${id} in the queue`, async () => (await queue.get(QUEUE_NAME, id)) !== undefined);
const state = async (id: string) => (await gateway.call<JobView>('GET', `/api/jobs/${id}`)).body.state;

describe('the outbox', () => {
  it('brings over what a gateway that died had committed', async () => {
    const id = await submit();
    await enqueued(id);
    await until('an empty outbox', async () => (await outbox()).length === 0);
    // as it is after a crash between commit and enqueuing, and after one between enqueuing and forgetting
    const orphan = await submit();
    await enqueued(orphan);
    await queue.remove(QUEUE_NAME, orphan);
    await sql('insert into gateway.outbox values ($1, false, now()), ($2, false, now()) on conflict do nothing', [
      id,
      orphan,
    ]);
    const heir = await startTestGateway(gateway.config.DATABASE_URL, {}, gateway.adminKey);
    await enqueued(orphan);
    await until('an empty outbox', async () => (await outbox()).length === 0);
    expect((await queue.get(QUEUE_NAME, id))?.state).toBe('waiting');
    await heir.stop();
  });

  it('forgets what need not run any more', async () => {
    const id = await submit();
    await enqueued(id);
    await gateway.call('POST', `/api/jobs/${id}/cancel`);
    await sql('insert into gateway.outbox values ($1, true, now()) on conflict do nothing', [id]);
    gateway.app.get(Relay).wake();
    await until('an empty outbox', async () => (await outbox()).length === 0);
    expect(await queue.get(QUEUE_NAME, id)).toBeUndefined();
  });

  it('keeps every job of many requests at once', async () => {
    const ids = await Promise.all(Array.from({ length: 300 }, submit));
    await until('an empty outbox', async () => (await outbox()).length === 0);
    expect(new Set(ids).size).toBe(300);
    expect(await queue.missing(QUEUE_NAME, ids)).toEqual([]);
  });
});

describe('a queue that lost its memory', () => {
  it('gets its jobs back, once nothing else can be meant', async () => {
    const id = await submit();
    await enqueued(id);
    await until('an empty outbox', async () => (await outbox()).length === 0);
    await queue.remove(QUEUE_NAME, id);
    const reconciler = gateway.app.get(Reconciler);
    await reconciler.run();
    expect(await outbox()).toEqual([]);
    await reconciler.run();
    await enqueued(id);
    expect(await state(id)).toBe('queued');
  });

  it('ends a job whose workers died in every attempt', async () => {
    const id = await submit();
    await enqueued(id);
    await queue.remove(QUEUE_NAME, id);
    await worker.claim(id, 3);
    const reconciler = gateway.app.get(Reconciler);
    await reconciler.run();
    await reconciler.run();
    const { body } = await gateway.call<JobView>('GET', `/api/jobs/${id}`);
    expect(body).toMatchObject({ state: 'failed', attempt: 3, failure: { code: 'worker_lost' } });
  });
});
