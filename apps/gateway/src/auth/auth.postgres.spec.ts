import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { KeyView, Problem } from '@strata/contracts';
import { Database } from '../db/database.js';
import { startDatabase, startTestGateway, type TestDatabase, type TestGateway } from '../testing/gateway.js';

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

const createKey = async (body: Record<string, unknown>): Promise<KeyView & { secret: string }> => {
  const answer = await gateway.call<KeyView & { secret: string }>('POST', '/api/keys', { body });
  expect(answer.status).toBe(201);
  return answer.body;
};
const statusWith = async (key: string | null, url = '/api/keys/current'): Promise<number> =>
  (await gateway.call('GET', url, { key })).status;

describe('the first start', () => {
  it('keeps the admin key in a file that only the owner can read', async () => {
    const file = path.join(gateway.config.DATA_DIR, 'admin-key');
    expect((await readFile(file, 'utf8')).trim()).toBe(gateway.adminKey);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(gateway.adminKey).toMatch(/^sk-strata-[A-Za-z0-9_-]{43}$/);
  });

  it('stores a hash, never the secret', async () => {
    const { rows } = await gateway.app
      .get(Database)
      .pool.query('select row_to_json(k)::text as t from gateway.api_key k');
    expect(rows.length).toBeGreaterThan(0);
    for (const row of rows as { t: string }[]) expect(row.t).not.toContain(gateway.adminKey.slice(20));
  });

  it('happens once', async () => {
    const second = await startTestGateway(gateway.config.DATABASE_URL, {}, gateway.adminKey);
    const tenants = await second.call<{ data: unknown[] }>('GET', '/api/tenants');
    expect(tenants.body.data).toHaveLength(1);
    await second.stop();
  });
});

describe('keys', () => {
  it.each([
    ['none', null],
    ['of the wrong form', 'hello'],
    ['unknown', `sk-strata-${'a'.repeat(43)}`],
  ])('refuses a key that is %s', async (_, key) => {
    const answer = await gateway.call<Problem>('GET', '/api/keys', { key });
    expect(answer.status).toBe(401);
    expect(answer.headers['content-type']).toContain('application/problem+json');
    expect(answer.headers['www-authenticate']).toContain('Bearer');
    expect(answer.body).toMatchObject({ code: 'unauthenticated', type: '/api/errors/unauthenticated', status: 401 });
  });

  it('admits by scope', async () => {
    const reader = await createKey({ name: 'reader', scopes: ['read'] });
    expect(await statusWith(reader.secret)).toBe(200);
    expect(await statusWith(reader.secret, '/api/keys')).toBe(403);
    const write = await gateway.call<Problem>('POST', '/api/keys', { key: reader.secret, body: { name: 'more' } });
    expect(write.body.code).toBe('permission_denied');
  });

  it('expires', async () => {
    const key = await createKey({ name: 'short', expires_at: new Date(Date.now() + 400).toISOString() });
    expect(await statusWith(key.secret)).toBe(200);
    await new Promise((r) => setTimeout(r, 450));
    expect(await statusWith(key.secret)).toBe(401);
  });

  it('is revoked at this and at another gateway at once', async () => {
    const other = await startTestGateway(gateway.config.DATABASE_URL, {}, gateway.adminKey);
    const key = await createKey({ name: 'leaked' });
    expect(await statusWith(key.secret)).toBe(200);
    expect((await other.call('GET', '/api/keys/current', { key: key.secret })).status).toBe(200);
    expect((await gateway.call('DELETE', `/api/keys/${key.id}`)).status).toBe(200);
    expect(await statusWith(key.secret)).toBe(401);
    const deadline = Date.now() + 5_000;
    let status = 200;
    while (status === 200 && Date.now() < deadline) {
      status = (await other.call('GET', '/api/keys/current', { key: key.secret })).status;
      await new Promise((r) => setTimeout(r, 20));
    }
    expect(status).toBe(401);
    await other.stop();
  });

  it('rotates: the new secret works, the old one until its grace is over', async () => {
    const key = await createKey({ name: 'rotating', scopes: ['read'] });
    const fresh = await gateway.call<KeyView>('POST', `/api/keys/${key.id}/rotate`, { body: { grace_s: 3600 } });
    expect(fresh.status).toBe(201);
    expect(fresh.body).toMatchObject({ name: 'rotating', scopes: ['read'] });
    expect(await statusWith(fresh.body.secret ?? '')).toBe(200);
    expect(await statusWith(key.secret)).toBe(200);
    const again = await gateway.call<KeyView>('POST', `/api/keys/${fresh.body.id}/rotate`, { body: { grace_s: 0 } });
    expect(await statusWith(fresh.body.secret ?? '')).toBe(401);
    expect(await statusWith(again.body.secret ?? '')).toBe(200);
  });

  it('shows a secret only once', async () => {
    const key = await createKey({ name: 'quiet' });
    const shown = await gateway.call<KeyView>('GET', `/api/keys/${key.id}`);
    expect(shown.body.secret).toBeUndefined();
    expect(key.secret.startsWith(shown.body.prefix)).toBe(true);
  });
});

describe('tenants', () => {
  it('do not see each other', async () => {
    const key = await createKey({ name: 'mine' });
    const stranger = await gateway.tenantKey('stranger');
    const seen = await gateway.call<{ data: KeyView[] }>('GET', '/api/keys', { key: stranger });
    expect(seen.body.data.map((k) => k.name)).toEqual(['first']);
    for (const method of ['GET', 'DELETE'] as const)
      expect((await gateway.call(method, `/api/keys/${key.id}`, { key: stranger })).status).toBe(404);
    expect((await gateway.call('GET', '/api/tenants', { key: stranger })).status).toBe(403);
  });

  it('have distinct names', async () => {
    await gateway.call('POST', '/api/tenants', { body: { name: 'twice' } });
    const again = await gateway.call<Problem>('POST', '/api/tenants', { body: { name: 'twice' } });
    expect(again.status).toBe(409);
    expect(again.body.code).toBe('already_exists');
  });
});

describe('requests', () => {
  it('are limited per key', async () => {
    const slow = await startTestGateway(
      gateway.config.DATABASE_URL,
      { RATE_LIMIT_PER_S: '1', RATE_LIMIT_BURST: '3' },
      gateway.adminKey,
    );
    const statuses = [];
    for (let i = 0; i < 4; i++) statuses.push((await slow.call('GET', '/api/keys/current')).status);
    expect(statuses).toEqual([200, 200, 200, 429]);
    const refused = await slow.call<Problem>('GET', '/api/keys/current');
    expect(refused.body).toMatchObject({ code: 'rate_limited', retryable: true });
    expect(Number(refused.headers['retry-after'])).toBe(1);
    await slow.stop();
  });

  it.each([
    ['malformed JSON', { payload: '{"name": ' }, 400, 'invalid_request', undefined],
    ['a wrong type', { body: { name: 7 } }, 400, 'invalid_request', 'name'],
    ['an unknown field', { body: { name: 'x', colour: 'red' } }, 400, 'invalid_request', 'colour'],
    ['a NUL', { payload: '{"name":"a\\u0000b"}' }, 400, 'invalid_request', undefined],
    ['an oversized body', { body: { name: 'x'.repeat(1_100_000) } }, 413, 'payload_too_large', undefined],
    [
      'a past expiry',
      { body: { name: 'x', expires_at: '2020-01-01T00:00:00Z' } },
      400,
      'invalid_request',
      'expires_at',
    ],
  ])('with %s get a problem', async (_, options, status, code, field) => {
    const answer = await gateway.call<Problem>('POST', '/api/keys', options);
    expect(answer.status).toBe(status);
    expect(answer.body.code).toBe(code);
    expect(answer.body.where?.field).toBe(field);
    expect(answer.body.request_id).toBe(answer.headers['x-request-id']);
  });

  it('of another content type get a problem', async () => {
    const answer = await gateway.call<Problem>('POST', '/api/keys', {
      payload: 'name=x',
      headers: { 'content-type': 'application/x-www-form-urlencoded-not' },
    });
    expect(answer.body.code).toBe('unsupported_media_type');
  });

  it.each([
    "/api/keys/x' or '1'='1",
    '/api/keys/..%2f..%2fetc%2fpasswd',
    "/api/keys?after='%3B drop table gateway.api_key--",
    '/api/keys/%00',
    '/api/../../etc/passwd',
    '/api/keys/%zz',
    '/nothing/here',
  ])('for %s harm nothing', async (url) => {
    const answer = await gateway.call<Problem>('GET', url);
    expect(answer.status).toBeLessThan(500);
    if (answer.status !== 200) expect(['invalid_request', 'not_found']).toContain(answer.body.code);
    expect((await gateway.call('GET', '/api/keys')).status).toBe(200);
  });

  it('keep their id', async () => {
    const given = await gateway.call('GET', '/health/live', { headers: { 'x-request-id': 'abc-1' } });
    expect(given.headers['x-request-id']).toBe('abc-1');
    const unsafe = await gateway.call('GET', '/health/live', { headers: { 'x-request-id': 'a b\u00e9' } });
    expect(unsafe.headers['x-request-id']).toMatch(/^req_/);
  });
});

describe('operations', () => {
  it('describe the API in OpenAPI 3.1', async () => {
    const { body } = await gateway.call<{ openapi: string; paths: Record<string, unknown> }>(
      'GET',
      '/api/openapi.json',
    );
    expect(body.openapi).toMatch(/^3\.1/);
    expect(Object.keys(body.paths)).toEqual(expect.arrayContaining(['/api/keys', '/api/tenants', '/health/ready']));
    expect(body.paths['/api/jobs']).toMatchObject({
      post: {
        requestBody: { content: { 'application/json': { schema: { $ref: '#/components/schemas/CreateJob' } } } },
        responses: {
          201: { content: { 'application/json': { schema: { $ref: '#/components/schemas/Job' } } } },
          default: { content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } } },
        },
      },
    });
    expect(body.paths['/health/live']).toMatchObject({ get: { security: [] } });
    expect((await gateway.call('GET', '/api/docs')).status).toBe(200);
  });

  it('list the error codes', async () => {
    const { body } = await gateway.call<{ data: { code: string }[] }>('GET', '/api/errors', { key: null });
    expect(body.data.map((e) => e.code)).toContain('parent_failed');
    expect((await gateway.call('GET', '/api/errors/not_found', { key: null })).status).toBe(200);
    expect((await gateway.call('GET', '/api/errors/nonsense', { key: null })).status).toBe(404);
  });
});
