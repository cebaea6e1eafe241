import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { JobView, Problem } from '@strata/contracts';
import { control } from '@strata/contracts/grpc';
import type { QueuePort } from '@strata/queue';
import { Sweeper } from '../control/sweeper.js';
import { Database } from '../db/database.js';
import { QUEUE } from '../platform/platform.module.js';
import { startDatabase, startTestGateway, type TestDatabase, type TestGateway } from '../testing/gateway.js';
import { attachWorker, done, type TestWorker, until } from '../testing/worker.js';

const { Command_Kind } = control;
let database: TestDatabase;
let gateway: TestGateway;
let worker: TestWorker;
let queue: QueuePort;
let stranger: string;
beforeAll(async () => {
  database = await startDatabase();
  gateway = await startTestGateway(await database.create(), { CANCEL_TIMEOUT_S: '1', WORKER_TIMEOUT_S: '600' });
  queue = gateway.app.get<QueuePort>(QUEUE);
  worker = await attachWorker(gateway.control);
  stranger = await gateway.tenantKey('stranger');
}, 60_000);
afterAll(async () => {
  worker?.close();
  await gateway?.stop();
  await database?.stop();
});

const PING = { recipe: 'diagnostics/ping' };
const submit = async (body: Record<string, unknown> = {}, headers: Record<string, string> = {}): Promise<JobView> => {
  const answer = await gateway.call<JobView>('POST', '/api/jobs', { body: { ...PING, ...body }, headers });
  expect({ status: answer.status, text: answer.text }).toMatchObject({ status: 201 });
  return answer.body;
};
const get = async (id: string): Promise<JobView> => (await gateway.call<JobView>('GET', `/api/jobs/${id}`)).body;
const act = (id: string, action: string, key?: string) =>
  gateway.call<JobView & Problem>('POST', `/api/jobs/${id}/${action}`, key ? { key } : {});
const inQueue = (id: string) => queue.get('strata-train', id);
const enqueued = (id: string): Promise<void> =>
  until(`${id} in the queue`, async () => (await inQueue(id)) !== undefined);
const steps = (job: JobView): string[] => (job.transitions ?? []).map((t) => t.state);
const FAILURE = { code: 'internal' as const, message: 'boom', retryable: true };

describe('a submitted job', () => {
  it('is stored, shown and enqueued under its own id', async () => {
    const job = await submit({ params: { echo: 'hi' }, priority: 3, metadata: { who: 'me' }, seed: 7 });
    expect(job).toMatchObject({
      object: 'job',
      state: 'queued',
      queue: 'train',
      params: { echo: 'hi', sleep_ms: 0, steps: 0 },
      seed: 7,
      metadata: { who: 'me' },
      limits: { attempts: 3 },
    });
    const { transitions, ...stored } = await get(job.id);
    expect(stored).toEqual(job);
    expect(transitions).toMatchObject([{ state: 'queued', cause: 'submitted' }]);
    await enqueued(job.id);
    const item = await inQueue(job.id);
    expect(item?.payload).toMatchObject({
      job_id: job.id,
      recipe: 'diagnostics/ping',
      seed: 7,
      params: { echo: 'hi' },
    });
    await until('the outbox empty', async () => {
      const { rows } = await gateway.app.get(Database).pool.query('select 1 from gateway.outbox');
      return rows.length === 0;
    });
  });

  it('carries the request’s id to the worker', async () => {
    const job = await submit({}, { 'x-request-id': 'trace-42' });
    await enqueued(job.id);
    expect((await inQueue(job.id))?.payload).toMatchObject({ request_id: 'trace-42' });
  });

  it('waits for its delay', async () => {
    const job = await submit({ delay_ms: 60_000 });
    await enqueued(job.id);
    expect((await inQueue(job.id))?.state).toBe('delayed');
  });

  it.each([
    ['an unknown recipe', { recipe: 'diagnostics/pin' }, 404, 'unknown_recipe', 'recipe'],
    ['a wrong parameter', { ...PING, params: { steps: -1 } }, 422, 'invalid_parameter', 'params.steps'],
    ['an unknown parameter', { ...PING, params: { stepz: 1 } }, 422, 'invalid_parameter', 'params.stepz'],
    ['an unknown input', { ...PING, inputs: { data: 'ds_1' } }, 422, 'invalid_input', 'inputs.data'],
    ['a missing input', { recipe: 'data/clean' }, 422, 'invalid_input', 'inputs.data'],
    ['an unknown dataset', { recipe: 'data/clean', inputs: { data: 'ds_1' } }, 404, 'not_found', 'inputs.data'],
    [
      'an unknown job',
      { recipe: 'data/clean', inputs: { data: { job: 'job_1', output: 'data' } } },
      404,
      'not_found',
      'inputs.data.job',
    ],
    ['an unknown output to register', { ...PING, register: { model: 'x' } }, 400, 'invalid_request', 'register.model'],
    ['an unknown field', { ...PING, prams: {} }, 400, 'invalid_request', 'prams'],
    ['no recipe', {}, 400, 'invalid_request', 'recipe'],
    ['a NUL in a parameter', { ...PING, params: { echo: 'a\0b' } }, 400, 'invalid_request', undefined],
    ['a NUL in its name', { recipe: 'a\0b' }, 404, 'unknown_recipe', 'recipe'],
  ])('is refused with %s', async (_, body, status, code, field) => {
    const answer = await gateway.call<Problem>('POST', '/api/jobs', { body });
    expect(answer.body).toMatchObject({ status, code });
    expect(answer.body.where?.field).toBe(field);
  });

  it('does not fail because of a bad neighbour in the same commit', async () => {
    const answers = await Promise.all([
      ...Array.from({ length: 6 }, (_, i) =>
        gateway.call('POST', '/api/jobs', { body: { ...PING, params: { echo: `${i}` } } }),
      ),
      gateway.call('POST', '/api/jobs', { body: { ...PING, params: { echo: '\0' } } }),
      ...Array.from({ length: 6 }, () => gateway.call('POST', '/api/jobs', { body: PING })),
    ]);
    expect(answers.map((a) => a.status)).toEqual([...Array<number>(6).fill(201), 400, ...Array<number>(6).fill(201)]);
  });
});

describe('an idempotency key', () => {
  it('gives the first job again, also to requests at the same time', async () => {
    const headers = { 'idempotency-key': 'once' };
    const answers = await Promise.all(
      Array.from({ length: 8 }, () => gateway.call<JobView>('POST', '/api/jobs', { body: PING, headers })),
    );
    const later = await gateway.call<JobView>('POST', '/api/jobs', { body: { params: {}, ...PING }, headers });
    expect(new Set(answers.map((a) => a.body.id)).size).toBe(1);
    expect(answers.filter((a) => a.headers['idempotent-replayed'] === undefined)).toHaveLength(1);
    expect(later.body.id).toBe(answers[0]?.body.id);
    expect(later.headers['idempotent-replayed']).toBe('true');
  });

  it('belongs to one request and one tenant', async () => {
    const headers = { 'idempotency-key': 'mine' };
    const first = await submit({}, headers);
    const other = await gateway.call<Problem>('POST', '/api/jobs', { body: { ...PING, priority: 1 }, headers });
    expect(other.body).toMatchObject({ status: 422, code: 'idempotency_mismatch' });
    const foreign = await gateway.call<JobView>('POST', '/api/jobs', { body: PING, headers, key: stranger });
    expect(foreign.status).toBe(201);
    expect(foreign.body.id).not.toBe(first.id);
    const bad = await gateway.call<Problem>('POST', '/api/jobs', { body: PING, headers: { 'idempotency-key': 'a b' } });
    expect(bad.body.code).toBe('invalid_request');
  });
});

describe('jobs of another tenant', () => {
  it('are not there', async () => {
    const job = await submit();
    for (const path of ['', '/logs', '/metrics', '/artifacts', '/artifacts/report', '/events']) {
      const answer = await gateway.call<Problem>('GET', `/api/jobs/${job.id}${path}`, { key: stranger });
      expect({ path, code: answer.body.code }).toEqual({ path, code: 'not_found' });
    }
    for (const action of ['cancel', 'pause', 'resume', 'retry'])
      expect((await act(job.id, action, stranger)).body.code).toBe('not_found');
    const list = await gateway.call<{ data: JobView[] }>('GET', '/api/jobs', { key: stranger });
    expect(list.body.data.map((j) => j.id)).not.toContain(job.id);
    expect((await get(job.id)).state).toBe('queued');
  });
});

describe('the list of jobs', () => {
  it('pages and filters', async () => {
    const tag = await gateway.tenantKey('lister');
    const ids: string[] = [];
    for (let i = 0; i < 5; i++)
      ids.unshift((await gateway.call<JobView>('POST', '/api/jobs', { body: PING, key: tag })).body.id);
    await act(ids[1] ?? '', 'cancel', tag);
    const list = async (query: string) =>
      (
        await gateway.call<{ data: JobView[]; has_more: boolean; next: string | null }>('GET', `/api/jobs?${query}`, {
          key: tag,
        })
      ).body;
    const first = await list('limit=2');
    expect(first.data.map((j) => j.id)).toEqual(ids.slice(0, 2));
    expect(first.has_more).toBe(true);
    const second = await list(`limit=10&after=${first.next}`);
    expect(second.data.map((j) => j.id)).toEqual(ids.slice(2));
    expect(second).toMatchObject({ has_more: false, next: null });
    expect((await list('state=cancelled')).data.map((j) => j.id)).toEqual([ids[1]]);
    expect((await list('state=cancelled,queued')).data).toHaveLength(5);
    expect((await list('recipe=data/clean')).data).toHaveLength(0);
    expect((await list('created_after=2100-01-01T00:00:00Z')).data).toHaveLength(0);
    const injected = await gateway.call<Problem>('GET', `/api/jobs?state=queued'%20or%20'1'='1`, { key: tag });
    expect(injected.body.code).toBe('invalid_request');
    const hidden = await list(`recipe=${encodeURIComponent("x' or '1'='1")}`);
    expect(hidden.data).toHaveLength(0);
  });
});

describe('the life of a job', () => {
  it('runs, reports and succeeds', async () => {
    const { id } = await submit();
    expect(await worker.claim(id)).toMatchObject({ granted: true, attempt: 1 });
    await worker.report(id, 1, { type: 'started' });
    await worker.report(id, 1, {
      type: 'progress',
      progress: { fraction: 0.5, step: 1, total: 2, eta_s: 1, phase: 'fit' },
    });
    await worker.report(id, 1, { type: 'metrics', step: 1, values: { train_loss: 2, train_accuracy: 0.5 } });
    await worker.report(id, 1, { type: 'metrics', step: 2, values: { train_loss: 1 } });
    await worker.report(id, 1, { type: 'log', level: 'info', message: 'half\0way', fields: { a: 1 } });
    const running = await get(id);
    expect(running).toMatchObject({
      state: 'running',
      attempt: 1,
      worker: worker.id,
      progress: { fraction: 0.5 },
      metrics: { train_loss: 1, train_accuracy: 0.5 },
    });
    await worker.report(id, 1, done());
    const ended = await get(id);
    expect(ended).toMatchObject({ state: 'succeeded', result: { ok: true }, failure: null });
    expect(steps(ended)).toEqual(['queued', 'running', 'succeeded']);
    const logs = await gateway.call<{ data: { message: string }[] }>('GET', `/api/jobs/${id}/logs`);
    expect(logs.body.data).toMatchObject([{ level: 'info', message: 'half\ufffdway', fields: { a: 1 } }]);
    const metrics = await gateway.call<{ series: unknown }>('GET', `/api/jobs/${id}/metrics?names=train_loss`);
    expect(metrics.body.series).toMatchObject({
      train_loss: [
        { step: 1, value: 2 },
        { step: 2, value: 1 },
      ],
    });
    expect(await worker.claim(id)).toMatchObject({ granted: false, reason: 'succeeded' });
  });

  it('goes back into the queue for another attempt', async () => {
    const { id } = await submit();
    await worker.claim(id);
    await worker.report(id, 1, { type: 'failed', failure: FAILURE, will_retry: true, retry_in_ms: 1000 });
    expect(await get(id)).toMatchObject({ state: 'queued', attempt: 1, failure: null });
    expect(await worker.claim(id, 2)).toMatchObject({ granted: true, attempt: 2 });
    await worker.report(id, 2, { type: 'failed', failure: FAILURE, will_retry: false });
    const failed = await get(id);
    expect(failed).toMatchObject({ state: 'failed', failure: { code: 'internal', message: 'boom' } });
    expect(steps(failed)).toEqual(['queued', 'running', 'queued', 'running', 'failed']);
  });

  it('runs under a new attempt when its worker was replaced; the old one is told to stop', async () => {
    const { id } = await submit();
    const old = await attachWorker(gateway.control);
    expect((await old.claim(id)).attempt).toBe(1);
    expect(await worker.claim(id, 2)).toMatchObject({ granted: true, attempt: 2 });
    await old.report(id, 1, { type: 'metrics', step: 9, values: { train_loss: 666 } });
    await old.command(Command_Kind.CANCEL, id);
    await old.report(id, 1, done());
    expect(await get(id)).toMatchObject({ state: 'running', attempt: 2, worker: worker.id, metrics: {} });
    await worker.report(id, 2, done());
    expect((await get(id)).state).toBe('succeeded');
    old.close();
  });

  it('counts what began while no gateway answered', async () => {
    const { id } = await submit();
    await worker.report(id, 1, { type: 'started' });
    expect(await get(id)).toMatchObject({ state: 'running', attempt: 1, worker: worker.id });
    await worker.report(id, 2, { type: 'started' });
    const job = await get(id);
    expect(job.attempt).toBe(2);
    expect(steps(job)).toEqual(['queued', 'running', 'queued', 'running']);
  });

  it('records each event once, whatever is sent again', async () => {
    const { id } = await submit();
    const shaky = await attachWorker(gateway.control);
    await shaky.claim(id);
    const event = (seq: number) => ({
      seq,
      jobId: id,
      attempt: 1,
      body: { type: 'log', level: 'info', message: `line ${seq}` },
    });
    await shaky.raw([event(1), event(2)]);
    shaky.cut();
    const again = await attachWorker(gateway.control, shaky.id);
    expect(again.welcomes).toEqual([2]);
    await again.raw([event(1), event(2), event(3), event(3), event(4)]);
    await again.raw([{ ...event(5), body: 'not json' }, { ...event(6), body: { type: 'unheard-of' } }, event(7)]);
    const logs = await gateway.call<{ data: { message: string }[] }>('GET', `/api/jobs/${id}/logs`);
    expect(logs.body.data.map((l) => l.message)).toEqual(['line 1', 'line 2', 'line 3', 'line 4', 'line 7']);
    again.close();
  });

  it('fails with a clear cause when its end cannot be read', async () => {
    const { id } = await submit();
    const odd = await attachWorker(gateway.control);
    await odd.claim(id);
    await odd.raw([{ seq: 1, jobId: id, attempt: 1, body: { type: 'succeeded', result: 'of another version' } }]);
    expect(await get(id)).toMatchObject({ state: 'failed', failure: { code: 'internal' } });
    odd.close();
  });
});

describe('cancel', () => {
  it('ends a queued job at once and takes it out of the queue', async () => {
    const { id } = await submit();
    await enqueued(id);
    expect((await act(id, 'cancel')).body.state).toBe('cancelled');
    expect(await inQueue(id)).toBeUndefined();
    expect(await worker.claim(id)).toMatchObject({ granted: false, reason: 'cancelled' });
    expect((await act(id, 'cancel')).status).toBe(200);
  });

  it('asks the worker of a running job', async () => {
    const { id } = await submit();
    await worker.claim(id);
    expect((await act(id, 'cancel')).body).toMatchObject({ state: 'running', cancel_requested: true });
    await worker.command(Command_Kind.CANCEL, id);
    await worker.report(id, 1, { type: 'cancelled' });
    expect(await get(id)).toMatchObject({ state: 'cancelled' });
  });

  it('says it again with each heartbeat, and takes effect without an answer', async () => {
    const { id } = await submit();
    await worker.claim(id);
    await act(id, 'cancel');
    await worker.command(Command_Kind.CANCEL, id);
    worker.commands.length = 0;
    worker.beat([id]);
    await worker.command(Command_Kind.CANCEL, id);
    await until('the time limit', async () => (await get(id)).state === 'cancelled');
    // the worker wakes up too late
    await worker.report(id, 1, done());
    expect(await get(id)).toMatchObject({ state: 'cancelled', result: null });
  });

  it('is refused for a job that has ended', async () => {
    const { id } = await submit();
    await worker.claim(id);
    await worker.report(id, 1, done());
    expect((await act(id, 'cancel')).body).toMatchObject({ status: 409, code: 'conflict' });
    expect((await act(id, 'retry')).body.code).toBe('conflict');
    expect((await act(id, 'pause')).body.code).toBe('conflict');
    expect((await act(id, 'resume')).body.code).toBe('conflict');
  });
});

describe('pause and resume', () => {
  it('hold a queued job', async () => {
    const { id } = await submit();
    await enqueued(id);
    expect((await act(id, 'pause')).body.state).toBe('paused');
    expect(await inQueue(id)).toBeUndefined();
    expect(await worker.claim(id)).toMatchObject({ granted: false, reason: 'paused' });
    expect((await act(id, 'resume')).body.state).toBe('queued');
    await enqueued(id);
  });

  it('stop a running job at a checkpoint and go on with a new attempt', async () => {
    const { id } = await submit({ params: { steps: 100 } });
    await enqueued(id);
    await worker.claim(id);
    expect((await act(id, 'pause')).body.state).toBe('running');
    await worker.command(Command_Kind.PAUSE, id);
    await worker.report(id, 1, { type: 'paused', step: 17 });
    expect((await get(id)).state).toBe('paused');
    await act(id, 'resume');
    await worker.report(id, 1, { type: 'log', level: 'info', message: 'a ghost' });
    expect((await get(id)).state).toBe('queued');
    await until('attempts counted', async () => {
      const payload = (await inQueue(id))?.payload as { attempt_base?: number } | undefined;
      return payload?.attempt_base === 1;
    });
    expect(await worker.claim(id, 2)).toMatchObject({ granted: true, attempt: 2 });
    await worker.report(id, 2, done());
    expect(steps(await get(id))).toEqual(['queued', 'running', 'paused', 'queued', 'running', 'succeeded']);
  });

  it('are refused for a recipe without checkpoints', async () => {
    const { id } = await submit();
    await gateway.app.get(Database).pool.query(`update gateway.job set recipe = 'data/clean' where id = $1`, [id]);
    await worker.claim(id);
    expect((await act(id, 'pause')).body).toMatchObject({ code: 'conflict' });
  });
});

describe('retry', () => {
  it('runs a failed job again under its id', async () => {
    const { id } = await submit();
    await worker.claim(id);
    await worker.report(id, 1, { type: 'failed', failure: { ...FAILURE, retryable: false }, will_retry: false });
    const retried = await act(id, 'retry');
    expect(retried.body).toMatchObject({ state: 'queued', failure: null, ended_at: null });
    await enqueued(id);
    expect(await worker.claim(id)).toMatchObject({ granted: true, attempt: 2 });
    await worker.report(id, 2, done());
    expect((await get(id)).state).toBe('succeeded');
  });
});

describe('a lost worker', () => {
  it('gives its jobs back to the queue, and may take them up again', async () => {
    const { id } = await submit();
    const frail = await attachWorker(gateway.control);
    await frail.claim(id);
    frail.cut();
    const db = gateway.app.get(Database);
    await db.pool.query(`update gateway.worker set last_seen_at = now() - interval '1 hour' where id = $1`, [frail.id]);
    await db.pool.query(`update gateway.job set running_since = now() - interval '1 hour' where id = $1`, [id]);
    await gateway.app.get(Sweeper).dropLostWorkers();
    const lost = await get(id);
    expect(lost.state).toBe('queued');
    expect(lost.transitions?.at(-1)?.cause).toContain(frail.id);
    const shown = await gateway.call<{ state: string }>('GET', `/api/workers/${frail.id}`);
    expect(shown.body.state).toBe('offline');
    const back = await attachWorker(gateway.control, frail.id);
    await back.report(id, 1, { type: 'checkpoint', step: 3 });
    expect(await get(id)).toMatchObject({ state: 'running', attempt: 1 });
    back.close();
  });
});

describe('workers', () => {
  it('are shown with what runs there, but not the jobs of others', async () => {
    const { id } = await submit();
    worker.beat([id]);
    const read = async (key?: string) =>
      (
        await gateway.call<{ data: { id: string; running: string[] }[] }>(
          'GET',
          '/api/workers?state=online',
          key ? { key } : {},
        )
      ).body.data.find((w) => w.id === worker.id);
    await until('heartbeat', async () => (await read())?.running.includes(id) === true);
    expect(await read()).toMatchObject({
      queue: 'train',
      state: 'online',
      cpu_fraction: 0.5,
      devices: [{ kind: 'cpu' }],
    });
    expect((await read(stranger))?.running).toEqual([]);
  });

  it('can be drained by an administrator', async () => {
    expect((await gateway.call('POST', `/api/workers/${worker.id}/drain`, { key: stranger })).status).toBe(403);
    expect((await gateway.call('POST', `/api/workers/${worker.id}/drain`)).status).toBe(202);
    await worker.command(Command_Kind.DRAIN, '');
  });
});
