import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { JobView, Problem } from '@strata/contracts';
import { createGateway } from '../app.js';
import { startDatabase, startTestGateway, type TestDatabase, type TestGateway } from '../testing/gateway.js';
import { attachWorker, done, until } from '../testing/worker.js';
import { Readiness } from './readiness.js';

let database: TestDatabase;
let gateway: TestGateway;
beforeAll(async () => {
  database = await startDatabase();
  gateway = await startTestGateway(await database.create());
}, 60_000);
afterAll(async () => {
  await gateway?.stop();
  await database?.stop();
});

const basic = (password: string): Record<string, string> => ({
  authorization: `Basic ${Buffer.from(`me:${password}`).toString('base64')}`,
});

describe('health', () => {
  it('is live, and ready when all that is needed answers', async () => {
    expect((await gateway.call('GET', '/health/live', { key: null })).body).toEqual({ status: 'live' });
    const { body } = await gateway.call<{ checks: Record<string, { ok: boolean }> }>('GET', '/health/ready', {
      key: null,
    });
    expect(body.checks).toMatchObject({ database: { ok: true }, queue: { ok: true } });
  });

  it('is not ready while something does not answer', async () => {
    gateway.app.get(Readiness).add('moon', () => Promise.reject(new Error('too far')));
    const answer = await gateway.call('GET', '/health/ready', { key: null });
    expect(answer.status).toBe(503);
    expect(answer.body).toMatchObject({ status: 'not ready', checks: { moon: { ok: false, detail: 'too far' } } });
    gateway.app.get(Readiness).add('moon', () => Promise.resolve());
  });
});

describe('metrics', () => {
  it('show requests by route, jobs by state, workers and the outbox', async () => {
    const worker = await attachWorker(gateway.control);
    const { body } = await gateway.call<JobView>('POST', '/api/jobs', { body: { recipe: 'diagnostics/ping' } });
    await gateway.call('GET', `/api/jobs/${body.id}`);
    const { text, headers } = await gateway.call('GET', '/metrics', { key: null });
    expect(headers['content-type']).toContain('text/plain');
    expect(text).toMatch(/strata_http_request_seconds_count\{[^}]*route="\/api\/jobs\/:id"[^}]*\} 1/);
    expect(text).not.toContain(body.id);
    expect(text).toMatch(/strata_jobs\{state="queued"[^}]*\} 1/);
    expect(text).toMatch(/strata_workers\{state="online",queue="train"[^}]*\} 1/);
    expect(text).toMatch(/strata_outbox_lag_seconds\{?[^}]*\}? 0/);
    worker.close();
  });
});

describe('the queue board', () => {
  it('opens for administrators of the first tenant', async () => {
    const none = await gateway.call<Problem>('GET', '/admin/queues', { key: null });
    expect(none.status).toBe(401);
    expect(none.headers['www-authenticate']).toContain('Basic');
    const stranger = await gateway.tenantKey('stranger');
    expect((await gateway.call('GET', '/admin/queues', { key: stranger })).status).toBe(403);
    expect((await gateway.call('GET', '/admin/queues', { key: null, headers: basic('wrong') })).status).toBe(401);
    const page = await gateway.call('GET', '/admin/queues', { key: null, headers: basic(gateway.adminKey) });
    expect(page.status).toBe(200);
    expect(page.text).toContain('Strata queues');
    const queues = await gateway.call<{ queues: { name: string }[] }>('GET', '/admin/queues/api/queues');
    expect(queues.body.queues.map((q) => q.name)).toEqual(['strata-train', 'strata-infer', 'strata-compress']);
    expect((await gateway.call('GET', '/admin/queues/api/queues', { key: null })).status).toBe(401);
  });

  it('takes no orders from other sites', async () => {
    const order = (site: string) =>
      gateway.call('PUT', '/admin/queues/api/queues/strata-train/pause', {
        key: null,
        headers: { ...basic(gateway.adminKey), 'sec-fetch-site': site },
      });
    expect((await order('cross-site')).status).toBe(403);
    expect((await order('same-origin')).status).toBe(200);
    await gateway.call('PUT', '/admin/queues/api/queues/strata-train/resume', {
      headers: { 'sec-fetch-site': 'same-origin' },
    });
  });
});

describe('the end', () => {
  it('lets open work finish and loses nothing', async () => {
    const url = await database.create();
    const first = await startTestGateway(url);
    const worker = await attachWorker(first.control);
    const submit = () => first.call<JobView>('POST', '/api/jobs', { body: { recipe: 'diagnostics/ping' } });
    const { body } = await submit();
    await worker.claim(body.id);
    // events are on their way while the gateway stops
    const events = Array.from({ length: 300 }, (_, i) => ({
      seq: i + 1,
      jobId: body.id,
      attempt: 1,
      body: { type: 'log', level: 'info', message: `line ${i + 1}` },
    }));
    await worker.raw(events, 0);
    const pending = Promise.all(Array.from({ length: 50 }, submit));
    const jobs = await pending;
    await first.stop();
    expect(jobs.every((j) => j.status === 201)).toBe(true);
    const second = await startTestGateway(url, {}, first.adminKey);
    const back = await attachWorker(second.control, worker.id);
    const acked = back.welcomes[0] ?? 0;
    await back.raw([...events.slice(acked), { seq: 301, jobId: body.id, attempt: 1, body: done() }], 301);
    const logs = await second.call<{ data: unknown[] }>('GET', `/api/jobs/${body.id}/logs?limit=1000`);
    expect(logs.body.data).toHaveLength(300);
    expect((await second.call<JobView>('GET', `/api/jobs/${body.id}`)).body.state).toBe('succeeded');
    back.close();
    worker.close();
    await second.stop();
  });
});

describe('the start', () => {
  const reason = async (settings: Record<string, string>): Promise<string> => {
    const config = { ...gateway.config, DATABASE_WAIT_S: 0.3, ...settings };
    const started = await createGateway(config as typeof gateway.config).then(
      () => 'it started',
      (e: Error) => e.message,
    );
    return started;
  };

  it('says in one sentence that the database is not there', async () => {
    const message = await reason({ DATABASE_URL: 'postgres://nobody@127.0.0.1:1/nothing' });
    expect(message).toMatch(/database at 127\.0\.0\.1:1\/nothing does not answer.*DATABASE_URL/);
  });

  it('does not wait for a database that will never be there', async () => {
    const url = new URL(gateway.config.DATABASE_URL);
    url.pathname = '/missing';
    expect(await reason({ DATABASE_URL: url.href })).toMatch(/"missing" does not exist/);
  });

  it('says that the control port is taken', async () => {
    const port = gateway.control.split(':')[1] ?? '';
    const message = await reason({ GRPC_PORT: port });
    expect(message).toContain(`port ${port}`);
    expect(message).toContain('GRPC_PORT');
  });

  it('cuts idle connections at the end', async () => {
    const other = await startTestGateway(await database.create());
    await other.app.listen(0, '127.0.0.1');
    const { port } = new URL(await other.app.getUrl());
    const socket = connect(Number(port), '127.0.0.1');
    let closed = false;
    socket.on('close', () => (closed = true));
    socket.resume();
    socket.write('GET /health/live HTTP/1.1\r\nhost: x\r\n\r\n');
    await sleep(100);
    await other.stop();
    await until('the connection closed', () => closed);
  });
});

describe('the HTTP server', () => {
  it('answers a request line that it cannot read with problem details', async () => {
    await gateway.app.listen(0, '127.0.0.1');
    const socket = connect(Number(new URL(await gateway.app.getUrl()).port), '127.0.0.1');
    socket.write('GET /api/catalog/search?q=量化 HTTP/1.1\r\nhost: x\r\n\r\n');
    let answer = '';
    for await (const chunk of socket.setEncoding('utf8')) answer += String(chunk);
    const [head = '', body = ''] = answer.split('\r\n\r\n');
    expect(head).toMatch(/^HTTP\/1.1 400 [^]*content-type: application\/problem\+json/);
    const problem = JSON.parse(body) as Problem;
    expect(problem).toMatchObject({ status: 400, code: 'invalid_request', retryable: false });
    expect(problem.detail).toContain('percent-encode');
    expect(problem.request_id).toMatch(/^req_[0-9a-f]+$/);
    expect(head).toContain(`x-request-id: ${problem.request_id}`);
  });
});
