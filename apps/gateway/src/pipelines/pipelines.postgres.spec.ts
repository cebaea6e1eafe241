import { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { ArtifactStore } from '@strata/artifacts';
import type { DatasetView, JobView, PipelineView, Problem, ResolvedInput } from '@strata/contracts';
import type { QueuePort } from '@strata/queue';
import { FilesService } from '../files/files.service.js';
import { ARTIFACTS, QUEUE } from '../platform/platform.module.js';
import { startDatabase, startTestGateway, type TestDatabase, type TestGateway } from '../testing/gateway.js';
import { attachWorker, datasetOutput, done, type TestWorker, until } from '../testing/worker.js';

let database: TestDatabase;
let gateway: TestGateway;
let worker: TestWorker;
let dataset: string;
let blob: { sha256: string; size: number };
beforeAll(async () => {
  database = await startDatabase();
  gateway = await startTestGateway(await database.create());
  worker = await attachWorker(gateway.control);
  blob = await gateway.app.get<ArtifactStore>(ARTIFACTS).put(Buffer.from('x\n1\n2\n'));
  const tenant = (await gateway.call<{ tenant: string }>('GET', '/api/keys/current')).body.tenant;
  const rows = Array.from({ length: 30 }, (_, i) => `${i},${i % 2 ? 'a' : 'b'}`).join('\n');
  const file = await gateway.app
    .get(FilesService)
    .upload(tenant, { filename: 'x.csv', mediaType: 'text/csv' }, Readable.from([Buffer.from(`x,y\n${rows}\n`)]));
  const made = await gateway.call<DatasetView>('POST', '/api/datasets', { body: { file: file.id } });
  dataset = made.body.id;
}, 60_000);
afterAll(async () => {
  worker?.close();
  await gateway?.stop();
  await database?.stop();
});

const clean = (data: unknown) => ({ recipe: 'data/clean', inputs: { data } });
const split = (data: unknown) => ({ recipe: 'data/split', inputs: { data } });
const from = (job: string, output = 'data') => ({ job, output });
const create = (steps: Record<string, unknown>, headers: Record<string, string> = {}) =>
  gateway.call<PipelineView & Problem>('POST', '/api/pipelines', { body: { name: 'p', steps }, headers });
const get = async (id: string): Promise<PipelineView> =>
  (await gateway.call<PipelineView>('GET', `/api/pipelines/${id}`)).body;
const states = (p: PipelineView) => Object.fromEntries(Object.entries(p.jobs).map(([step, job]) => [step, job.state]));
const idOf = (p: PipelineView, step: string): string => p.jobs[step]?.id ?? '';
const run = async (jobId: string, outputs: string[] = ['data']): Promise<void> => {
  const { attempt } = await worker.claim(jobId);
  await worker.report(jobId, attempt, done(Object.fromEntries(outputs.map((o) => [o, datasetOutput(blob)]))));
};
const fail = async (jobId: string): Promise<void> => {
  const { attempt } = await worker.claim(jobId);
  const failure = { code: 'invalid_data' as const, message: 'broken', retryable: false };
  await worker.report(jobId, attempt, { type: 'failed', failure, will_retry: false });
};

describe('a pipeline', () => {
  it('releases each step when all that it needs have succeeded', async () => {
    const made = await create({
      first: clean(dataset),
      left: clean(from('first')),
      right: clean(from('first')),
      last: { ...split(from('left')), metadata: { also: 'right' } },
    });
    expect(made.status).toBe(201);
    const id = made.body.id;
    expect(states(made.body)).toEqual({ first: 'queued', left: 'waiting', right: 'waiting', last: 'waiting' });
    expect(made.body.state).toBe('queued');
    expect((await worker.claim(idOf(made.body, 'left'))).granted).toBe(false);
    await run(idOf(made.body, 'first'));
    const second = await get(id);
    expect(states(second)).toEqual({ first: 'succeeded', left: 'queued', right: 'queued', last: 'waiting' });
    expect(second.state).toBe('running');
    const queue = gateway.app.get<QueuePort>(QUEUE);
    await until(
      'the left step in the queue',
      async () => (await queue.get('strata-train', idOf(second, 'left'))) !== undefined,
    );
    const item = await queue.get('strata-train', idOf(second, 'left'));
    const input = (item?.payload as { inputs: Record<string, ResolvedInput> }).inputs['data'];
    expect(input).toMatchObject({ kind: 'dataset', id: second.jobs['first']?.outputs['data']?.id, file: blob });
    await run(idOf(made.body, 'left'));
    await run(idOf(made.body, 'right'));
    await run(idOf(made.body, 'last'), ['train', 'test']);
    expect((await get(id)).state).toBe('succeeded');
    const lineage = await gateway.call<DatasetView>(
      'GET',
      `/api/datasets/${second.jobs['first']?.outputs['data']?.id ?? ''}`,
    );
    expect(lineage.body.source).toMatchObject({ job: idOf(made.body, 'first'), output: 'data' });
  });

  it('fails what waits for a failed step, all the way down', async () => {
    const { body } = await create({
      first: clean(dataset),
      second: clean(from('first')),
      third: split(from('second')),
      aside: clean(dataset),
    });
    await fail(idOf(body, 'first'));
    const failed = await get(body.id);
    expect(states(failed)).toEqual({ first: 'failed', second: 'failed', third: 'failed', aside: 'queued' });
    expect(failed.state).toBe('failed');
    expect(failed.jobs['second']?.failure).toMatchObject({ code: 'parent_failed' });
    expect(failed.jobs['second']?.failure?.message).toContain(idOf(body, 'first'));
    const early = await gateway.call<Problem>('POST', `/api/jobs/${idOf(body, 'second')}/retry`);
    expect(early.body.code).toBe('conflict');
    await gateway.call('POST', `/api/jobs/${idOf(body, 'first')}/retry`);
    await run(idOf(body, 'first'));
    const again = await gateway.call<JobView>('POST', `/api/jobs/${idOf(body, 'second')}/retry`);
    expect(again.body.state).toBe('queued');
    await run(idOf(body, 'second'));
    expect((await get(body.id)).jobs['second']?.state).toBe('succeeded');
  });

  it('fails a step whose parent left out an output', async () => {
    const { body } = await create({ first: clean(dataset), second: clean(from('first')) });
    await run(idOf(body, 'first'), []);
    expect((await get(body.id)).jobs['second']).toMatchObject({ state: 'failed', failure: { code: 'invalid_input' } });
  });

  it('is cancelled as a whole', async () => {
    const { body } = await create({
      first: clean(dataset),
      second: clean(from('first')),
      third: split(from('second')),
    });
    await worker.claim(idOf(body, 'first'));
    const cancelled = await gateway.call<PipelineView>('POST', `/api/pipelines/${body.id}/cancel`);
    expect(states(cancelled.body)).toEqual({ first: 'running', second: 'cancelled', third: 'cancelled' });
    expect(cancelled.body.jobs['first']?.cancel_requested).toBe(true);
    await worker.report(idOf(body, 'first'), 1, { type: 'cancelled' });
    expect((await get(body.id)).state).toBe('cancelled');
  });

  it.each([
    ['a circle', { a: clean(from('b')), b: clean(from('a')) }, 'invalid_request', /^steps\.(a|b)$/],
    ['an unknown step', { a: clean(from('nowhere')) }, 'invalid_request', /^steps\.a\.inputs\.data\.job$/],
    [
      'an unknown output',
      { a: clean('DATASET'), b: clean(from('a', 'model')) },
      'invalid_input',
      /^steps\.b\.inputs\.data$/,
    ],
    [
      'an output of the wrong kind',
      { a: clean('DATASET'), b: clean(from('a', 'report')) },
      'invalid_input',
      /^steps\.b\.inputs\.data$/,
    ],
    [
      'a wrong parameter',
      { a: { ...clean('DATASET'), params: { nope: 1 } } },
      'invalid_parameter',
      /^steps\.a\.params\.nope$/,
    ],
    ['an unknown recipe', { a: { recipe: 'no/such' } }, 'unknown_recipe', /^steps\.a\.recipe$/],
    ['no steps', {}, 'invalid_request', /^steps$/],
  ])('is refused as a whole with %s', async (_, steps, code, field) => {
    const before = await gateway.call<{ data: unknown[] }>('GET', '/api/jobs?limit=200');
    const filled = JSON.parse(JSON.stringify(steps).replaceAll('DATASET', dataset)) as Record<string, unknown>;
    const { body } = await create(filled);
    expect(body.code).toBe(code);
    expect(body.where?.field).toMatch(field);
    const after = await gateway.call<{ data: unknown[] }>('GET', '/api/jobs?limit=200');
    expect(after.body.data).toHaveLength(before.body.data.length);
  });

  it('is made once for an idempotency key, and seen by its tenant alone', async () => {
    const headers = { 'idempotency-key': 'pipe' };
    const all = await Promise.all([1, 2, 3].map(() => create({ a: clean(dataset) }, headers)));
    expect(new Set(all.map((a) => a.body.id)).size).toBe(1);
    const stranger = await gateway.tenantKey('stranger');
    const id = all[0]?.body.id ?? '';
    expect((await gateway.call('GET', `/api/pipelines/${id}`, { key: stranger })).status).toBe(404);
    expect((await gateway.call('POST', `/api/pipelines/${id}/cancel`, { key: stranger })).status).toBe(404);
    const list = await gateway.call<{ data: unknown[] }>('GET', '/api/pipelines', { key: stranger });
    expect(list.body.data).toEqual([]);
    const theft = await gateway.call<Problem>('POST', '/api/jobs', { body: clean(dataset), key: stranger });
    expect(theft.body.code).toBe('not_found');
    const output = await gateway.call<Problem>('POST', '/api/jobs', {
      body: clean(from(all[0]?.body.jobs['a']?.id ?? '')),
      key: stranger,
    });
    expect(output.body.code).toBe('not_found');
  });
});

describe('a file as an input', () => {
  const reads = (tokenizer: unknown) => ({ recipe: 'language/masked-lm', inputs: { data: dataset, tokenizer } });
  const inputOf = async (jobId: string): Promise<ResolvedInput | undefined> => {
    const queue = gateway.app.get<QueuePort>(QUEUE);
    await until('the job in the queue', async () => (await queue.get('strata-train', jobId)) !== undefined);
    const item = await queue.get('strata-train', jobId);
    return (item?.payload as { inputs: Record<string, ResolvedInput> }).inputs['tokenizer'];
  };

  it('comes from an upload, of this tenant alone', async () => {
    const tenantOf = async (key?: string): Promise<string> =>
      (await gateway.call<{ tenant: string }>('GET', '/api/keys/current', key === undefined ? {} : { key })).body
        .tenant;
    const files = gateway.app.get(FilesService);
    const upload = (owner: string) =>
      files.upload(owner, { filename: 'tok.json', mediaType: 'application/json' }, Readable.from([Buffer.from('{}')]));
    const file = await upload(await tenantOf());
    const job = await gateway.call<JobView>('POST', '/api/jobs', { body: reads(file.id) });
    expect(job.status).toBe(201);
    expect(await inputOf(job.body.id)).toEqual({
      kind: 'file',
      id: file.id,
      file: { sha256: file.sha256, size: 2 },
      media_type: 'application/json',
      name: 'tok.json',
    });
    const foreign = await upload(await tenantOf(await gateway.tenantKey('elsewhere')));
    const refused = await gateway.call<Problem>('POST', '/api/jobs', { body: reads(foreign.id) });
    expect(refused).toMatchObject({ status: 404, body: { code: 'not_found', where: { field: 'inputs.tokenizer' } } });
  });

  it('is what another job has made; a dataset is none', async () => {
    const made = await create({
      learn: { recipe: 'language/tokenizer', inputs: { data: dataset } },
      train: reads(from('learn', 'tokenizer')),
    });
    expect(made.status).toBe(201);
    const learn = idOf(made.body, 'learn');
    const { attempt } = await worker.claim(learn);
    const output = { kind: 'file' as const, file: blob, media_type: 'application/json', name: 'tokenizer.json' };
    await worker.report(learn, attempt, done({ tokenizer: output }));
    expect(await inputOf(idOf(made.body, 'train'))).toEqual({ ...output, id: `${learn}/tokenizer` });
    const wrong = await create({ first: clean(dataset), then: reads(from('first')) });
    expect(wrong).toMatchObject({
      status: 422,
      body: { code: 'invalid_input', detail: expect.stringMatching(/takes a file/) },
    });
  });
});

describe('a job alone', () => {
  it('waits for the job whose output it takes', async () => {
    const first = await gateway.call<JobView>('POST', '/api/jobs', { body: clean(dataset) });
    const second = await gateway.call<JobView>('POST', '/api/jobs', { body: clean(from(first.body.id)) });
    expect(second.body.state).toBe('waiting');
    await run(first.body.id);
    const third = await gateway.call<JobView>('POST', '/api/jobs', { body: clean(from(first.body.id)) });
    expect(third.body.state).toBe('queued');
    const read = async () => (await gateway.call<JobView>('GET', `/api/jobs/${second.body.id}`)).body.state;
    expect(await read()).toBe('queued');
    await fail(second.body.id);
    const orphan = await gateway.call<Problem>('POST', '/api/jobs', { body: clean(from(second.body.id)) });
    expect(orphan.body.code).toBe('parent_failed');
  });
});
