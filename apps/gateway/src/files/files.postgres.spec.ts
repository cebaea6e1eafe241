import { createHash, randomBytes } from 'node:crypto';
import { readdir, stat } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import path from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { FileView, Problem } from '@strata/contracts';
import * as tus from 'tus-js-client';
import { startDatabase, startTestGateway, type TestDatabase, type TestGateway } from '../testing/gateway.js';

const LIMIT = 4_000_000;
let database: TestDatabase;
let gateway: TestGateway;
let url: string;
let stranger: string;

beforeAll(async () => {
  database = await startDatabase();
  gateway = await startTestGateway(await database.create(), { UPLOAD_LIMIT_BYTES: String(LIMIT) });
  await gateway.app.listen(0, '127.0.0.1');
  url = await gateway.app.getUrl();
  stranger = await gateway.tenantKey('stranger');
}, 60_000);
afterAll(async () => {
  await gateway?.stop();
  await database?.stop();
});

const auth = (key = gateway.adminKey) => ({ authorization: `Bearer ${key}` });
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

async function upload(content: string | Uint8Array, name: string, type = 'text/csv'): Promise<Response> {
  const form = new FormData();
  form.append('file', new Blob([content as Uint8Array<ArrayBuffer>], { type }), name);
  return fetch(`${url}/api/files`, { method: 'POST', headers: auth(), body: form });
}
const uploaded = async (content: string | Uint8Array, name = 'x.csv'): Promise<FileView> =>
  (await (await upload(content, name)).json()) as FileView;

async function temporaryFiles(): Promise<string[]> {
  return readdir(path.join(gateway.config.ARTIFACTS_DIR, 'tmp')).catch(() => []);
}

describe('uploads in one request', () => {
  it('keep bytes, name and type', async () => {
    const bytes = randomBytes(1_500_000);
    const answer = await upload(bytes, '数据.csv');
    expect(answer.status).toBe(201);
    const file = (await answer.json()) as FileView;
    expect(file).toMatchObject({
      object: 'file',
      filename: '数据.csv',
      bytes: bytes.length,
      sha256: sha256(bytes),
      media_type: 'text/csv',
    });
    const content = await fetch(`${url}/api/files/${file.id}/content`, { headers: auth() });
    expect(content.headers.get('content-type')).toBe('text/csv');
    expect(content.headers.get('content-disposition')).toContain('attachment');
    expect(sha256(new Uint8Array(await content.arrayBuffer()))).toBe(file.sha256);
  });

  it('never take a path from the name', async () => {
    expect(await uploaded('a,b\n1,2\n', '../../../etc/passwd')).toMatchObject({ filename: 'passwd' });
  });

  it('refuse a form without a file, and a body that is no form', async () => {
    const form = new FormData();
    form.append('note', 'no file');
    const empty = await fetch(`${url}/api/files`, { method: 'POST', headers: auth(), body: form });
    expect(((await empty.json()) as Problem).code).toBe('invalid_request');
    const json = await gateway.call<Problem>('POST', '/api/files', { body: { file: 'x' } });
    expect(json.body.code).toBe('unsupported_media_type');
  });

  it.each([
    ['no boundary', 'multipart/form-data', '--x--\r\n'],
    ['no parts', 'multipart/form-data; boundary=x', 'nothing here'],
    [
      'no end',
      'multipart/form-data; boundary=x',
      '--x\r\ncontent-disposition: form-data; name="file"; filename="a"\r\n\r\n1,2',
    ],
  ])('of a form with %s get a problem', async (_, type, body) => {
    const answer = await fetch(`${url}/api/files`, {
      method: 'POST',
      headers: { ...auth(), 'content-type': type },
      body,
    });
    expect([answer.status, ((await answer.json()) as Problem).code]).toEqual([400, 'invalid_request']);
    expect(await temporaryFiles()).toEqual([]);
  });

  it('over the limit are refused before the body comes, by their announced length', async () => {
    const twoGigabytes = 2 * 1024 ** 3 + 200_000;
    const answer = await new Promise<{ status: number; problem: Problem; sent: number }>((resolve, reject) => {
      const request = httpRequest(`${url}/api/files`, {
        method: 'POST',
        headers: { ...auth(), 'content-type': 'multipart/form-data; boundary=x', 'content-length': twoGigabytes },
      });
      let sent = 0;
      request.on('response', (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (d: string) => (text += d));
        response.on('end', () => {
          request.destroy();
          resolve({ status: response.statusCode ?? 0, problem: JSON.parse(text) as Problem, sent });
        });
      });
      request.on('error', reject);
      const head = '--x\r\ncontent-disposition: form-data; name="file"; filename="big.csv"\r\n\r\n';
      sent += head.length;
      request.write(head);
    });
    expect(answer.status).toBe(413);
    expect(answer.problem).toMatchObject({ code: 'payload_too_large' });
    expect(answer.sent).toBeLessThan(1000);
  });

  it('over the limit are refused midway when no length was announced, and leave nothing behind', async () => {
    const chunk = Buffer.alloc(65_536, 'a');
    let sent = 0;
    async function* body(): AsyncGenerator<Buffer> {
      yield Buffer.from('--x\r\ncontent-disposition: form-data; name="file"; filename="big.csv"\r\n\r\n');
      for (let i = 0; i < 4096; i++) {
        yield chunk;
        sent += chunk.length;
        await new Promise((r) => setImmediate(r));
      }
      yield Buffer.from('\r\n--x--\r\n');
    }
    const answer = await new Promise<{ status: number; text: string }>((resolve, reject) => {
      const request = httpRequest(`${url}/api/files`, {
        method: 'POST',
        headers: { ...auth(), 'content-type': 'multipart/form-data; boundary=x', 'transfer-encoding': 'chunked' },
      });
      const source = Readable.from(body());
      request.on('response', (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (d: string) => (text += d));
        response.on('end', () => {
          source.destroy();
          request.destroy();
          resolve({ status: response.statusCode ?? 0, text });
        });
      });
      request.on('error', reject);
      source.pipe(request);
    });
    expect(answer.status).toBe(413);
    expect((JSON.parse(answer.text) as Problem).code).toBe('payload_too_large');
    expect(sent).toBeLessThan(64 * 1024 * 1024);
    expect(await temporaryFiles()).toEqual([]);
  });

  it('that break off leave nothing behind', async () => {
    const before = await gateway.call<{ data: FileView[] }>('GET', '/api/files');
    await new Promise<void>((resolve) => {
      const request = httpRequest(`${url}/api/files`, {
        method: 'POST',
        headers: { ...auth(), 'content-type': 'multipart/form-data; boundary=x', 'content-length': 100_000 },
      });
      request.on('error', () => resolve());
      request.write('--x\r\ncontent-disposition: form-data; name="file"; filename="half.csv"\r\n\r\na,b\n1,');
      setTimeout(() => request.destroy(), 100);
    });
    await new Promise((r) => setTimeout(r, 300));
    expect(await temporaryFiles()).toEqual([]);
    const after = await gateway.call<{ data: FileView[] }>('GET', '/api/files');
    expect(after.body.data).toEqual(before.body.data);
  });
});

describe('downloads', () => {
  it('honour Range, If-None-Match and If-Range', async () => {
    const file = await uploaded('0123456789', 'digits.txt');
    const get = (headers: Record<string, string>, method = 'GET') =>
      fetch(`${url}/api/files/${file.id}/content`, { method, headers: { ...auth(), ...headers } });
    const part = await get({ range: 'bytes=2-4' });
    expect([part.status, part.headers.get('content-range'), await part.text()]).toEqual([206, 'bytes 2-4/10', '234']);
    expect(await (await get({ range: 'bytes=-2' })).text()).toBe('89');
    const beyond = await get({ range: 'bytes=50-' });
    expect([beyond.status, beyond.headers.get('content-range')]).toEqual([416, 'bytes */10']);
    const etag = part.headers.get('etag') ?? '';
    expect((await get({ 'if-none-match': etag })).status).toBe(304);
    expect(await (await get({ range: 'bytes=2-4', 'if-range': '"other"' })).text()).toBe('0123456789');
    const head = await get({}, 'HEAD');
    expect([head.status, head.headers.get('content-length')]).toEqual([200, '10']);
  });
});

describe('files', () => {
  it('are listed by pages and deleted without their twins', async () => {
    const first = await uploaded('same bytes', 'first.txt');
    const second = await uploaded('same bytes', 'second.txt');
    expect(second.sha256).toBe(first.sha256);
    const page = await gateway.call<{ data: FileView[]; next: string; has_more: boolean }>('GET', '/api/files?limit=1');
    expect(page.body.data.map((f) => f.id)).toEqual([second.id]);
    const next = await gateway.call<{ data: FileView[] }>('GET', `/api/files?limit=1&after=${page.body.next}`);
    expect(next.body.data.map((f) => f.id)).toEqual([first.id]);

    expect((await gateway.call('DELETE', `/api/files/${first.id}`)).status).toBe(200);
    expect((await gateway.call('GET', `/api/files/${first.id}`)).status).toBe(404);
    expect((await gateway.call('GET', `/api/files/${first.id}/content`)).status).toBe(404);
    const twin = await fetch(`${url}/api/files/${second.id}/content`, { headers: auth() });
    expect(await twin.text()).toBe('same bytes');
  });

  it('of another tenant are not there', async () => {
    const file = await uploaded('secret', 'secret.txt');
    for (const [method, suffix] of [
      ['GET', ''],
      ['GET', '/content'],
      ['DELETE', ''],
    ] as const) {
      const answer = await gateway.call<Problem>(method, `/api/files/${file.id}${suffix}`, { key: stranger });
      expect(answer.body.code).toBe('not_found');
    }
    const list = await gateway.call<{ data: FileView[] }>('GET', '/api/files', { key: stranger });
    expect(list.body.data).toEqual([]);
    expect((await gateway.call('GET', `/api/files/${file.id}`)).status).toBe(200);
  });
});

describe('resumable uploads with the official tus client', () => {
  interface Outcome {
    readonly fileId: string | undefined;
    readonly uploadUrl: string;
  }
  const start = (bytes: Buffer, options: Partial<tus.UploadOptions> = {}) =>
    new Promise<Outcome>((resolve, reject) => {
      let fileId: string | undefined;
      const job: tus.Upload = new tus.Upload(bytes, {
        endpoint: `${url}/api/uploads`,
        headers: auth(),
        metadata: { filename: '大文件.csv', filetype: 'text/csv' },
        chunkSize: 300_000,
        retryDelays: [0, 50, 100],
        onAfterResponse: (_request, response) => {
          fileId = response.getHeader('strata-file') ?? fileId;
        },
        onSuccess: () => resolve({ fileId, uploadUrl: job.url ?? '' }),
        onError: reject,
        ...options,
      });
      job.start();
    });

  it('become a file', async () => {
    const bytes = randomBytes(1_000_001);
    const { fileId } = await start(bytes);
    const file = await gateway.call<FileView>('GET', `/api/files/${fileId}`);
    expect(file.body).toMatchObject({
      filename: '大文件.csv',
      media_type: 'text/csv',
      bytes: bytes.length,
      sha256: sha256(bytes),
    });
  });

  it('go on where they were interrupted, also at a gateway that was started anew', async () => {
    const bytes = randomBytes(2_000_000);
    const uploadUrl = await new Promise<string>((resolve, reject) => {
      const job = new tus.Upload(bytes, {
        endpoint: `${url}/api/uploads`,
        headers: auth(),
        metadata: { filename: 'resumed.bin' },
        chunkSize: 300_000,
        onChunkComplete: (_size, accepted) => {
          if (accepted < 900_000) return;
          void job.abort().then(() => resolve(job.url ?? ''));
        },
        onError: reject,
      });
      job.start();
    });
    const { pathname } = new URL(uploadUrl);
    const second = await startTestGateway(
      gateway.config.DATABASE_URL,
      { DATA_DIR: gateway.config.DATA_DIR, ARTIFACTS_DIR: gateway.config.ARTIFACTS_DIR },
      gateway.adminKey,
    );
    await second.app.listen(0, '127.0.0.1');
    const resumed = `${await second.app.getUrl()}${pathname}`;
    const head = await fetch(resumed, { method: 'HEAD', headers: { ...auth(), 'tus-resumable': '1.0.0' } });
    expect(Number(head.headers.get('upload-offset'))).toBe(900_000);

    let first: number | undefined;
    const { fileId } = await start(bytes, {
      uploadUrl: resumed,
      onChunkComplete: (size, accepted) => (first ??= accepted - size),
    });
    expect(first).toBe(900_000);
    const file = await second.call<FileView>('GET', `/api/files/${fileId}`);
    expect(file.body.sha256).toBe(sha256(bytes));
    await second.app.close();
  });

  it('can be asked again after the end, and hold no disk', async () => {
    const bytes = randomBytes(500_000);
    const { uploadUrl, fileId } = await start(bytes);
    const head = await fetch(uploadUrl, { method: 'HEAD', headers: { ...auth(), 'tus-resumable': '1.0.0' } });
    expect(head.headers.get('upload-offset')).toBe(String(bytes.length));
    expect(head.headers.get('strata-file')).toBe(fileId);
    const part = await stat(path.join(gateway.config.DATA_DIR, 'uploads', path.basename(uploadUrl)));
    expect(part.blocks).toBe(0);
  });

  it('over the limit are refused at their creation', async () => {
    const answer = await fetch(`${url}/api/uploads`, {
      method: 'POST',
      headers: { ...auth(), 'tus-resumable': '1.0.0', 'upload-length': String(2 * 1024 ** 3 + 1) },
    });
    expect(answer.status).toBe(413);
  });

  it('of another tenant cannot be seen, continued or ended', async () => {
    const made = await fetch(`${url}/api/uploads`, {
      method: 'POST',
      headers: { ...auth(), 'tus-resumable': '1.0.0', 'upload-length': '10' },
    });
    expect(made.status).toBe(201);
    const place = new URL(made.headers.get('location') ?? '', `${url}/api/uploads`);
    const headers = { ...auth(stranger), 'tus-resumable': '1.0.0' };
    expect((await fetch(place, { method: 'HEAD', headers })).status).toBe(404);
    expect((await fetch(place, { method: 'DELETE', headers })).status).toBe(404);
    const patch = await fetch(place, {
      method: 'PATCH',
      headers: { ...headers, 'content-type': 'application/offset+octet-stream', 'upload-offset': '0' },
      body: '0123456789',
    });
    expect(patch.status).toBe(404);
    const own = await fetch(place, { method: 'HEAD', headers: { ...auth(), 'tus-resumable': '1.0.0' } });
    expect(own.headers.get('upload-offset')).toBe('0');
  });

  it.each(['..%2f..%2fadmin-key', 'up_x', '%2e%2e%2fadmin-key'])('refuse the id %s', async (id) => {
    const answer = await fetch(`${url}/api/uploads/${id}`, {
      method: 'HEAD',
      headers: { ...auth(), 'tus-resumable': '1.0.0' },
    });
    expect(answer.status).toBe(404);
  });

  it('need a key', async () => {
    const answer = await fetch(`${url}/api/uploads`, { method: 'POST', headers: { 'tus-resumable': '1.0.0' } });
    expect(answer.status).toBe(401);
  });
});
