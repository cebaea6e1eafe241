import fs from 'node:fs';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ERRORS, isErrorCode } from '@strata/kernel';
import type { DatasetView, JobView, Problem } from '@strata/contracts';
import { startStack, type Stack } from '@strata/devstack';
import { adminKey, Client, root, type Reply } from './client.js';

describe('bad input', () => {
  const dataDir = fs.mkdtempSync(path.join(os.tmpdir(), 'strata-bad-'));
  let stack: Stack;
  let client: Client;
  let data: DatasetView;

  beforeAll(async () => {
    stack = await startStack({ root, dataDir, durable: false, out: 'ignore', env: { LOG_LEVEL: 'error' } });
    client = new Client(stack.url, adminKey(dataDir));
    data = await client.dataset('small.csv', 'x,y\n1,a\n2,b\n3,a\n4,b\n');
  }, 90_000);
  afterAll(async () => {
    await stack?.stop();
    fs.rmSync(dataDir, { recursive: true, force: true });
  }, 60_000);

  /** The reply is a documented problem, whole and of one piece with the error table. */
  function expectProblem(r: Reply<unknown>, code: string, detail?: RegExp): Problem {
    const p = r.body as Problem;
    expect({ status: r.status, code: p.code }).toEqual({
      status: isErrorCode(code) ? ERRORS[code].httpStatus : 0,
      code,
    });
    expect(r.headers.get('content-type')).toContain('application/problem+json');
    expect(p).toMatchObject({ type: `/api/errors/${code}`, status: r.status, request_id: expect.any(String) });
    if (detail) expect(p.detail).toMatch(detail);
    return p;
  }
  const post = (route: string, body: unknown): Promise<Reply<unknown>> => client.send('POST', route, body);

  it('names an unknown recipe and what comes near it', async () => {
    expectProblem(
      await post('/api/jobs', { recipe: 'classical/tabular-clasifier' }),
      'unknown_recipe',
      /tabular-classifier/,
    );
  });

  it('names a wrong parameter', async () => {
    const job = { recipe: 'classical/tabular-classifier', inputs: { train: data.id } };
    const p = expectProblem(
      await post('/api/jobs', { ...job, params: { target: 'y', max_iter: -1 } }),
      'invalid_parameter',
      /max_iter/,
    );
    expect(p.where?.field).toBe('params.max_iter');
    expectProblem(
      await post('/api/jobs', { ...job, params: { target: 'y', layers: 3 } }),
      'invalid_parameter',
      /layers/,
    );
  });

  it('names an unknown input, a missing one and one that does not exist', async () => {
    const params = { target: 'y' };
    const recipe = 'classical/tabular-classifier';
    expectProblem(await post('/api/jobs', { recipe, params, inputs: {} }), 'invalid_input', /train/);
    expectProblem(
      await post('/api/jobs', { recipe, params, inputs: { train: data.id, extra: data.id } }),
      'invalid_input',
      /extra/,
    );
    expectProblem(await post('/api/jobs', { recipe, params, inputs: { train: 'ds_none' } }), 'not_found', /ds_none/);
  });

  it('names the line of a broken CSV', async () => {
    const file = await client.upload('broken.csv', 'a,b,c\n1,2,3\n4,5\n6,7,8\n');
    const p = expectProblem(await post('/api/datasets', { file: file.id }), 'invalid_data', /3/);
    expect(p.where?.line).toBe(3);
  });

  it('fails a job whose target column is missing, naming the column', async () => {
    const job = await client.job({
      recipe: 'classical/tabular-classifier',
      params: { target: 'price' },
      inputs: { train: data.id },
    });
    const end = await client.wait(job.id);
    expect(end).toMatchObject({
      state: 'failed',
      failure: { code: 'unknown_column', message: expect.stringContaining('price') },
    });
  });

  it('refuses what is not JSON, what is too large and what is no object', async () => {
    const raw = (body: string) =>
      fetch(`${stack.url}/api/jobs`, {
        method: 'POST',
        headers: { authorization: `Bearer ${client.key}`, 'content-type': 'application/json' },
        body,
      }).then(async (r) => ({ status: r.status, headers: r.headers, body: await r.json() }));
    expectProblem(await raw('{"recipe": '), 'invalid_request');
    expectProblem(await raw('[]'), 'invalid_request');
    expectProblem(
      await raw(JSON.stringify({ recipe: 'x', params: { blob: 'x'.repeat(12 << 20) } })),
      'payload_too_large',
    );
  });

  it('refuses an upload of 2 GB over the limit before it is sent', async () => {
    const status = await new Promise<number>((resolve, reject) => {
      const u = new URL('/api/files', stack.url);
      const req = http.request(u, {
        method: 'POST',
        headers: {
          authorization: `Bearer ${client.key}`,
          'content-type': 'multipart/form-data; boundary=x',
          'content-length': String(100 * 1024 ** 3),
        },
      });
      req.on('response', (res) => {
        resolve(res.statusCode ?? 0);
        req.destroy();
      });
      req.on('error', reject);
      req.write('--x\r\ncontent-disposition: form-data; name="file"; filename="a.csv"\r\n\r\n1,2\n');
    });
    expect(status).toBe(413);
  });

  it('refuses a model file that is none', async () => {
    const file = await client.upload('model.onnx', 'this is not a model');
    expectProblem(await post('/api/models/import', { file: file.id, name: 'garbage' }), 'invalid_onnx');
  });

  it('tells keys apart: none, a wrong one, one of another tenant', async () => {
    expectProblem(await new Client(stack.url, '').send('GET', '/api/jobs'), 'unauthenticated');
    expectProblem(await new Client(stack.url, 'sk-strata-wrong').send('GET', '/api/jobs'), 'unauthenticated');
    const tenant = await client.ok<{ id: string }>('POST', '/api/tenants', { name: 'other' });
    const key = await client.ok<{ secret: string }>('POST', `/api/tenants/${tenant.id}/keys`, {
      name: 'k',
      scopes: ['read', 'write'],
    });
    const stranger = new Client(stack.url, key.secret);
    const job = await client.job({ recipe: 'diagnostics/ping' });
    expectProblem(await stranger.send('GET', `/api/jobs/${job.id}`), 'not_found');
    expectProblem(await stranger.send('POST', `/api/jobs/${job.id}/cancel`), 'not_found');
    expectProblem(await stranger.send('GET', `/api/datasets/${data.id}`), 'not_found');
    expect((await stranger.ok<{ data: JobView[] }>('GET', '/api/jobs')).data).toEqual([]);
    expectProblem(await stranger.send('POST', '/api/tenants', { name: 'third' }), 'permission_denied');
  });

  it.each([
    "/api/jobs/' OR 1=1 --",
    '/api/jobs/..%2f..%2f..%2fetc%2fpasswd',
    '/api/files/%2e%2e%2f%2e%2e%2fadmin-key/content',
    "/api/models/x'; DROP TABLE gateway.job; --",
    '/api/datasets/%00',
    '/api/nothing/here',
  ])('gives nothing away at %s', async (route) => {
    const r = await client.send('GET', encodeURI(route).replaceAll('%25', '%'));
    expect([400, 404]).toContain(r.status);
    expect(isErrorCode((r.body as Problem).code)).toBe(true);
    expect((await client.ok<{ data: JobView[] }>('GET', '/api/jobs')).data.length).toBeGreaterThan(0);
  });

  it('stores a file under its content, whatever its name says', async () => {
    const file = await client.upload('../../../../tmp/evil.csv', 'a,b\n1,2\n');
    expect(file.filename).not.toContain('..');
    expect(fs.existsSync('/tmp/evil.csv')).toBe(false);
  });
});
