import { createHash } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { ArtifactStore } from '@strata/artifacts';
import type { JobEvent, JobView, Problem } from '@strata/contracts';
import { Database } from '../db/database.js';
import { ARTIFACTS } from '../platform/platform.module.js';
import { startDatabase, startTestGateway, type TestDatabase, type TestGateway } from '../testing/gateway.js';
import { attachWorker, done, type TestWorker, until } from '../testing/worker.js';

let database: TestDatabase;
let gateway: TestGateway;
let worker: TestWorker;
let url: string;
beforeAll(async () => {
  database = await startDatabase();
  gateway = await startTestGateway(await database.create());
  await gateway.app.listen(0, '127.0.0.1');
  url = await gateway.app.getUrl();
  worker = await attachWorker(gateway.control);
}, 60_000);
afterAll(async () => {
  worker?.close();
  await gateway?.stop();
  await database?.stop();
});

interface Following {
  readonly events: { id: number; event: string; data: JobEvent }[];
  readonly text: () => string;
  readonly ended: Promise<void>;
  stop(): void;
}
const open: Following[] = [];
afterEach(() => {
  for (const f of open.splice(0)) f.stop();
});

/** Reads server-sent events as the specification says, from a real connection. */
async function follow(jobId: string, headers: Record<string, string> = {}, query = '', at = url): Promise<Following> {
  const abort = new AbortController();
  const response = await fetch(`${at}/api/jobs/${jobId}/events${query}`, {
    headers: { authorization: `Bearer ${gateway.adminKey}`, ...headers },
    signal: abort.signal,
  });
  expect(response.status).toBe(200);
  expect(response.headers.get('content-type')).toContain('text/event-stream');
  const events: Following['events'] = [];
  let text = '';
  const read = async (): Promise<void> => {
    let rest = '';
    for await (const chunk of response.body ?? []) {
      const piece = Buffer.from(chunk as Uint8Array).toString();
      text += piece;
      rest += piece;
      const blocks = rest.split('\n\n');
      rest = blocks.pop() ?? '';
      for (const block of blocks) {
        const fields = Object.fromEntries(
          block.split('\n').map((l) => [l.split(': ')[0], l.slice(l.indexOf(': ') + 2)]),
        );
        if (fields['data'])
          events.push({
            id: Number(fields['id']),
            event: fields['event'] ?? '',
            data: JSON.parse(fields['data']) as JobEvent,
          });
      }
    }
  };
  const ended = read().catch((e: unknown) => {
    if (!abort.signal.aborted) throw e;
  });
  const following = { events, text: () => text, ended, stop: () => abort.abort() };
  open.push(following);
  return following;
}

const submit = async (): Promise<string> =>
  (await gateway.call<JobView>('POST', '/api/jobs', { body: { recipe: 'diagnostics/ping' } })).body.id;
const log = (message: string) => ({ type: 'log' as const, level: 'info' as const, message });
const numbers = (f: Following): number[] => f.events.map((e) => e.id);
const upTo = (n: number): number[] => Array.from({ length: n }, (_, i) => i + 1);

describe('the events of a job', () => {
  it('come live, numbered without a gap, and end with the job', async () => {
    const id = await submit();
    const live = await follow(id);
    await until('the first event', () => live.events.length === 1);
    await worker.claim(id);
    for (let i = 0; i < 20; i++) await worker.report(id, 1, log(`line ${i}`));
    await worker.report(id, 1, done());
    await live.ended;
    expect(numbers(live)).toEqual(upTo(24));
    expect(live.events.map((e) => e.event)).toEqual([
      'state',
      'state',
      ...Array<string>(20).fill('log'),
      'succeeded',
      'state',
    ]);
    expect(live.events.at(-1)?.data).toMatchObject({ seq: 24, job_id: id, attempt: 1, body: { state: 'succeeded' } });
    expect(live.text().startsWith('retry: ')).toBe(true);
    const replay = await follow(id);
    await replay.ended;
    expect(replay.events).toEqual(live.events);
  });

  it('go on where a client stopped', async () => {
    const id = await submit();
    await worker.claim(id);
    for (let i = 0; i < 5; i++) await worker.report(id, 1, log(`line ${i}`));
    const first = await follow(id);
    await until('seven events', () => first.events.length === 7);
    first.stop();
    await worker.report(id, 1, log('meanwhile'));
    const second = await follow(id, { 'last-event-id': '7' });
    await until('the missed one', () => second.events.length === 1);
    await worker.report(id, 1, done());
    await second.ended;
    expect(numbers(second)).toEqual([8, 9, 10]);
    const third = await follow(id, {}, '?after=9');
    await third.ended;
    expect(numbers(third)).toEqual([10]);
    const nothing = await follow(id, { 'last-event-id': '10' });
    await nothing.ended;
    expect(nothing.events).toEqual([]);
  });

  it('have no gap between replay and live under load', async () => {
    const id = await submit();
    await worker.claim(id);
    const flood = (async () => {
      for (let i = 0; i < 150; i++) void worker.report(id, 1, log(`line ${i}`)).catch(() => undefined);
      await worker.report(id, 1, done());
    })();
    const streams: Following[] = [];
    for (let i = 0; i < 5; i++) {
      streams.push(await follow(id));
      await new Promise((r) => setTimeout(r, 5));
    }
    await flood;
    for (const s of streams) {
      await s.ended;
      expect(numbers(s)).toEqual(upTo(154));
    }
  });

  it('reach clients of another gateway, and end with a hint to come back when it stops', async () => {
    const other = await startTestGateway(gateway.config.DATABASE_URL, {}, gateway.adminKey);
    await other.app.listen(0, '127.0.0.1');
    const id = await submit();
    await worker.claim(id);
    const remote = await follow(id, {}, '', await other.app.getUrl());
    await until('the replay', () => remote.events.length === 2);
    await worker.report(id, 1, log('far away'));
    await until('the live one', () => remote.events.length === 3, 5_000);
    const [,] = await Promise.all([remote.ended, other.stop()]);
    expect(remote.text()).toContain('retry: 1000');
    await worker.report(id, 1, done());
    const back = await follow(id, { 'last-event-id': '3' });
    await back.ended;
    expect(numbers(back)).toEqual([4, 5]);
  });

  it('survive a retry: the stream shows the whole story', async () => {
    const id = await submit();
    await gateway.call('POST', `/api/jobs/${id}/cancel`);
    await gateway.call('POST', `/api/jobs/${id}/retry`);
    const live = await follow(id);
    await until('three states', () => live.events.length === 3);
    await worker.claim(id);
    await worker.report(id, 1, done());
    await live.ended;
    expect(live.events.flatMap((e) => ('state' in e.data.body ? [e.data.body.state] : []))).toEqual([
      'queued',
      'cancelled',
      'queued',
      'running',
      'succeeded',
    ]);
  });
});

describe('artifacts', () => {
  it('are listed and downloaded by name', async () => {
    const id = await submit();
    const report = Buffer.from('{"rows": 3}');
    const blob = await gateway.app.get<ArtifactStore>(ARTIFACTS).put(report);
    await worker.claim(id);
    await worker.report(id, 1, done({ report: { kind: 'report', file: blob, media_type: 'application/json' } }));
    const list = await gateway.call<{ data: { name: string; files: { url: string }[] }[] }>(
      'GET',
      `/api/jobs/${id}/artifacts`,
    );
    expect(list.body.data).toMatchObject([
      {
        name: 'report',
        kind: 'report',
        id: null,
        size: report.length,
        files: [{ name: 'report.json', sha256: blob.sha256 }],
      },
    ]);
    const file = await gateway.call('GET', list.body.data[0]?.files[0]?.url ?? '');
    expect(file.text).toBe(report.toString());
    expect(file.headers).toMatchObject({
      'content-type': 'application/json',
      'content-length': String(report.length),
      etag: `"${createHash('sha256').update(report).digest('hex')}"`,
    });
    expect((await gateway.call<JobView>('GET', `/api/jobs/${id}`)).body.outputs).toEqual({
      report: { kind: 'report', id: null, size: report.length },
    });
    for (const name of ['__proto__', '..%2F..%2Fetc%2Fpasswd', 'constructor', 'report?file=..%2Freport.json']) {
      const none = await gateway.call<Problem>('GET', `/api/jobs/${id}/artifacts/${name}`);
      expect({ name, code: none.body.code }).toEqual({ name, code: 'not_found' });
    }
  });
});

describe('metrics', () => {
  interface Series {
    series: Record<string, { step: number; value: number; at: string }[]>;
  }
  /** `loss` at every step, `accuracy` at every tenth. */
  const STEPS = 1003;
  let id: string;
  beforeAll(async () => {
    id = await submit();
    await gateway.app.get(Database).pool.query(
      `insert into gateway.job_event (job_id, seq, at, attempt, type, body)
       select $1, 10 + i, now(), 1, 'metrics', jsonb_build_object('type', 'metrics', 'step', i, 'values',
         jsonb_build_object('loss', -0.5 * i) || case when i % 10 = 0 then jsonb_build_object('accuracy', i) else '{}' end)
       from generate_series(1, $2::int) i`,
      [id, STEPS],
    );
  });
  const read = async (query: string): Promise<Series['series']> =>
    (await gateway.call<Series>('GET', `/api/jobs/${id}/metrics${query}`)).body.series;

  it('come whole when they are short enough', async () => {
    const series = await read('');
    expect(Object.keys(series).sort()).toEqual(['accuracy', 'loss']);
    expect(series['loss']).toHaveLength(STEPS);
    expect(series['loss']?.[2]).toEqual({ step: 3, value: -1.5, at: expect.any(String) });
    expect(series['accuracy']?.map((p) => p.value)).toEqual(Array.from({ length: 100 }, (_, i) => 10 * (i + 1)));
  });

  it.each([2, 7, 100, 1002, 1003])('are thinned to every k-th value and the last: %i points', async (points) => {
    const every = (length: number): number => Math.ceil(length / points);
    const kept = (length: number): number[] =>
      Array.from({ length }, (_, i) => i).filter((i) => i % every(length) === 0 || i === length - 1);
    const series = await read(`?points=${points}`);
    expect(series['loss']?.map((p) => p.step)).toEqual(kept(STEPS).map((i) => i + 1));
    expect(series['accuracy']?.map((p) => p.step)).toEqual(kept(100).map((i) => 10 * (i + 1)));
  });

  it('come by name', async () => {
    expect(Object.keys(await read('?names=accuracy,toString'))).toEqual(['accuracy']);
    expect(await read('?names=none')).toEqual({});
  });
});

describe('usage', () => {
  it('adds up the time that jobs ran', async () => {
    const key = await gateway.tenantKey('meter');
    const job = await gateway.call<JobView>('POST', '/api/jobs', { body: { recipe: 'diagnostics/ping' }, key });
    await worker.claim(job.body.id);
    await gateway.app
      .get(Database)
      .pool.query(`update gateway.job set running_since = running_since - interval '10 seconds' where id = $1`, [
        job.body.id,
      ]);
    await worker.report(job.body.id, 1, done());
    const { body } = await gateway.call<{ jobs: number; job_seconds: number }>('GET', '/api/usage', { key });
    expect(body.jobs).toBe(1);
    expect(body.job_seconds).toBeGreaterThanOrEqual(10);
    expect(body.job_seconds).toBeLessThan(20);
  });
});
