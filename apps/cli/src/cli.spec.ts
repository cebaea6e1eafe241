import fs from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { JobEvent } from '@strata/contracts';
import { run, type Streams } from './cli.js';
import { EXIT } from './exit-codes.js';

/** A gateway of a few routes, on a real socket: it breaks streams and uploads off as a real one may. */
type Route = (req: http.IncomingMessage, res: http.ServerResponse, body: Buffer) => void;
const routes = new Map<string, Route>();
const calls: { route: string; headers: http.IncomingHttpHeaders; body: Buffer }[] = [];
const server = http.createServer((req, res) => {
  const parts: Buffer[] = [];
  req.on('data', (d: Buffer) => parts.push(d));
  req.on('end', () => {
    const route = `${req.method} ${new URL(req.url ?? '', 'http://x').pathname}`;
    const body = Buffer.concat(parts);
    calls.push({ route, headers: req.headers, body });
    const handle = routes.get(route);
    if (handle) handle(req, res, body);
    else problem(res, 404, 'not_found', 'nothing here');
  });
});
const json = (res: http.ServerResponse, body: unknown, status = 200): void => {
  res.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
};
const problem = (res: http.ServerResponse, status: number, code: string, detail: string, where = {}): void =>
  json(
    res,
    { type: `/api/errors/${code}`, title: code, status, detail, code, retryable: false, where, request_id: 'req_1' },
    status,
  );

const home = fs.mkdtempSync(path.join(os.tmpdir(), 'strata-cli-'));
let url = '';

/** Runs the command line as a shell would, and gives what it wrote. */
async function strata(...argv: string[]): Promise<{ code: number; out: string; err: string }> {
  const text = { out: '', err: '' };
  const sink = (to: 'out' | 'err') =>
    ({ write: (s: string) => ((text[to] += s), true) }) as unknown as NodeJS.WriteStream;
  const streams: Streams = { stdout: sink('out'), stderr: sink('err') };
  const code = await run(argv, new AbortController().signal, streams);
  return { code, ...text };
}

const before = { ...process.env };
beforeAll(async () => {
  await new Promise<void>((r) => server.listen(0, '127.0.0.1', r));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  Object.assign(process.env, {
    XDG_CONFIG_HOME: home,
    STRATA_URL: url,
    STRATA_KEY: 'sk-strata-test',
    STRATA_LANG: 'en',
  });
});
beforeEach(() => {
  routes.clear();
  calls.length = 0;
});
afterAll(async () => {
  process.env = before;
  server.closeAllConnections();
  await new Promise((r) => server.close(r));
  fs.rmSync(home, { recursive: true, force: true });
});

const job = (state: string, more = {}) => ({
  object: 'job',
  id: 'job_1',
  recipe: 'diagnostics/ping',
  queue: 'train',
  state,
  progress: null,
  metrics: {},
  outputs: {},
  result: null,
  failure: null,
  attempt: 1,
  created_at: '2026-01-01T00:00:00.000Z',
  started_at: null,
  ended_at: null,
  ...more,
});

describe('errors', () => {
  it('show code, field and what to do, and end with the documented exit code', async () => {
    routes.set('GET /api/jobs/job_9', (_q, res) => problem(res, 404, 'not_found', 'there is no job job_9'));
    const r = await strata('job', 'job_9');
    expect(r.code).toBe(EXIT.notFound);
    expect(r.out).toBe('');
    expect(r.err).toContain('error [not_found] There is nothing by this name or id\n  there is no job job_9');
    expect(r.err).toContain(`${url}/api/errors/not_found`);
  });

  it('name line and column of bad data, in Chinese too', async () => {
    const where = { line: 3, column: 'age' };
    routes.set('GET /api/jobs/job_9', (_q, res) => problem(res, 422, 'invalid_data', 'line 3: not a number', where));
    const r = await strata('job', 'job_9', '--lang', 'zh');
    expect(r.code).toBe(EXIT.refused);
    expect(r.err).toContain('错误 [invalid_data] 数据中有损坏的行或值');
    expect(r.err).toContain('位置  第 3 行, column age');
  });

  it('are one JSON document on standard error with --json', async () => {
    routes.set('GET /api/jobs', (_q, res) => problem(res, 401, 'unauthenticated', 'no key'));
    const r = await strata('jobs', '--json');
    expect(r.code).toBe(EXIT.auth);
    expect(JSON.parse(r.err)).toMatchObject({ error: { code: 'unauthenticated', exit_code: 4 } });
  });

  it('say that nobody answers', async () => {
    const r = await strata('jobs', '--url', 'http://127.0.0.1:2');
    expect(r.code).toBe(EXIT.unreachable);
    expect(r.err).toContain('nobody answers at http://127.0.0.1:2 (ECONNREFUSED)');
  });

  it('tell a gateway from something else', async () => {
    routes.set('GET /api/jobs', (_q, res) => res.writeHead(502).end('<html>bad gateway</html>'));
    expect((await strata('jobs')).code).toBe(EXIT.unreachable);
  });

  it.each([[['jbos']], [[]], [['job']], [['submit']], [['deploy', 'm', '--nonsense']], [['deploy', 'm', '--version']]])(
    'refuse a wrong call: %j',
    async (argv) => {
      const r = await strata(...argv);
      expect(r.code).toBe(EXIT.usage);
      expect(r.err).toContain('strata --help');
    },
  );
});

describe('--version', () => {
  const { version } = JSON.parse(
    fs.readFileSync(path.resolve(import.meta.dirname, '../../../package.json'), 'utf8'),
  ) as {
    version: string;
  };

  it('prints the version, with no gateway to ask', async () => {
    expect(await strata('--version', '--url', 'http://127.0.0.1:2')).toEqual({
      code: EXIT.ok,
      out: `${version}\n`,
      err: '',
    });
    expect(JSON.parse((await strata('--version', '--json')).out)).toEqual({ cli: version });
    expect(calls).toEqual([]);
  });

  it('stands in the help, which goes before it', async () => {
    const r = await strata('--help', '--version');
    expect(r.code).toBe(EXIT.ok);
    expect(r.out).toMatch(/--version +version of the command line/);
  });
});

describe('lists', () => {
  it('go on to the next page until the limit', async () => {
    routes.set('GET /api/jobs', (q, res) => {
      const after = new URL(q.url ?? '', url).searchParams.get('after');
      const first = { object: 'list', data: [job('succeeded')], has_more: true, next: 'job_1' };
      const rest = { object: 'list', data: [job('failed', { id: 'job_2' })], has_more: false, next: null };
      json(res, after === 'job_1' ? rest : first);
    });
    const r = await strata('jobs', '--json');
    expect((JSON.parse(r.out) as { data: { id: string }[] }).data.map((j) => j.id)).toEqual(['job_1', 'job_2']);
    expect(calls[0]?.headers.authorization).toBe('Bearer sk-strata-test');
    const short = await strata('jobs', '--limit', '1');
    expect(short.out).toContain('job_1');
    expect(short.out).not.toContain('job_2');
  });
});

describe('submit', () => {
  const manifest = {
    name: 'diagnostics/ping',
    title: { en: 'Ping', zh: '' },
    inputs: {
      data: { kind: 'dataset', optional: true, description: { en: '', zh: '' } },
      tokenizer: { kind: 'file', optional: true, description: { en: '', zh: '' } },
    },
    params: {
      type: 'object',
      properties: { steps: { type: 'integer', default: 1, description: 'How often' }, seed: { type: 'string' } },
    },
  };
  beforeEach(() => {
    routes.set('GET /api/recipes/diagnostics/ping', (_q, res) => json(res, manifest));
    routes.set('POST /api/jobs', (_q, res) => json(res, job('queued'), 201));
  });
  const sent = (): unknown => JSON.parse(String(calls.find((c) => c.route === 'POST /api/jobs')?.body));

  it('takes the flags of the recipe, with dashes or underscores', async () => {
    const argv = ['diagnostics/ping', '--steps', '3', '--seed', '7', '--param-seed', 'x', '--idempotency_key', 'k1'];
    expect((await strata('submit', ...argv)).code).toBe(EXIT.ok);
    expect(sent()).toMatchObject({ recipe: 'diagnostics/ping', params: { steps: 3, seed: 'x' }, seed: 7 });
    expect(calls.at(-1)?.headers['idempotency-key']).toBe('k1');
  });

  it('shows them in its help, and refuses others', async () => {
    const help = await strata('submit', 'diagnostics/ping', '--help');
    expect(help.code).toBe(EXIT.ok);
    expect(help.out).toMatch(/--steps +How often \[integer\]/);
    expect((await strata('submit', 'diagnostics/ping', '--stepz', '3')).code).toBe(EXIT.usage);
    expect((await strata('submit', 'diagnostics/ping', '--steps', 'many')).err).toContain(
      '--steps: "many" is not a whole number',
    );
  });

  it('uploads a local file and makes a dataset of it', async () => {
    const file = path.join(home, 'rows.csv');
    fs.writeFileSync(file, 'a,b\n1,2\n');
    const stored = {
      object: 'file',
      id: 'file_1',
      filename: 'rows.csv',
      bytes: 8,
      sha256: 'x',
      media_type: 't',
      created_at: '2026-01-01T00:00:00.000Z',
    };
    routes.set('POST /api/files', (_q, res) => json(res, stored, 201));
    routes.set('POST /api/datasets', (_q, res) => json(res, { id: 'ds_1', format: { rows: 1, columns: [1, 2] } }, 201));
    expect(await strata('submit', 'diagnostics/ping', '-i', `data=${file}`, '--no-header')).toMatchObject({
      code: EXIT.ok,
    });
    expect(sent()).toMatchObject({ inputs: { data: 'ds_1' } });
    const dataset = calls.find((c) => c.route === 'POST /api/datasets');
    expect(JSON.parse(String(dataset?.body))).toEqual({ file: 'file_1', header: false });
    expect(String(calls.find((c) => c.route === 'POST /api/files')?.body)).toContain('a,b\n1,2');
    // what is no table, and a file that stays one
    calls.length = 0;
    const both = ['-i', `data=${file}`, '--data-format', 'text', '-i', `tokenizer=${file}`];
    expect(await strata('submit', 'diagnostics/ping', ...both)).toMatchObject({ code: EXIT.ok });
    expect(sent()).toMatchObject({ inputs: { data: 'ds_1', tokenizer: 'file_1' } });
    const made = calls.filter((c) => c.route === 'POST /api/datasets').map((c) => JSON.parse(String(c.body)));
    expect(made).toEqual([{ file: 'file_1', format: 'text' }]);
    // what another job makes
    calls.length = 0;
    expect(await strata('submit', 'diagnostics/ping', '-i', 'tokenizer=job_01ab/tokenizer')).toMatchObject({
      code: EXIT.ok,
    });
    expect(sent()).toMatchObject({ inputs: { tokenizer: { job: 'job_01ab', output: 'tokenizer' } } });
  });
});

describe('watch', () => {
  const event = (seq: number, body: JobEvent['body']): JobEvent => ({
    seq,
    job_id: 'job_1',
    at: '2026-01-01T00:00:00.000Z',
    attempt: 1,
    body,
  });
  const events = [
    event(1, { type: 'state', state: 'running', cause: '' }),
    event(2, { type: 'metrics', step: 1, values: { loss: 2 } }),
    event(3, { type: 'metrics', step: 2, values: { loss: 1 } }),
    event(4, { type: 'state', state: 'succeeded', cause: '' }),
  ];

  it('connects again where a broken stream stopped: no event is lost and none comes twice', async () => {
    let state = 'running';
    routes.set('GET /api/jobs/job_1', (_q, res) => json(res, job(state)));
    routes.set('GET /api/jobs/job_1/events', (req, res) => {
      const last = Number(req.headers['last-event-id'] ?? 0);
      res.writeHead(200, { 'content-type': 'text/event-stream' });
      const write = (e: JobEvent): boolean =>
        res.write(`id: ${e.seq}\nevent: ${e.body.type}\ndata: ${JSON.stringify(e)}\n\n`);
      if (last === 0) {
        // cut in the middle of the third event
        for (const e of events.slice(0, 2)) write(e);
        res.write('id: 3\ndata: {"seq":3,');
        setTimeout(() => res.destroy(), 50);
        return;
      }
      for (const e of events.filter((x) => x.seq > last)) write(e);
      state = 'succeeded';
      res.end();
    });
    const r = await strata('watch', 'job_1', '--json');
    expect(r.code).toBe(EXIT.ok);
    const lines = r.out
      .trim()
      .split('\n')
      .map((l) => JSON.parse(l) as JobEvent);
    expect(lines.slice(0, -1)).toEqual(events);
    expect(lines.at(-1)).toMatchObject({ object: 'job', state: 'succeeded' });
    const streams = calls.filter((c) => c.route.endsWith('/events'));
    expect(streams.map((c) => c.headers['last-event-id'])).toEqual([undefined, '2']);
    expect(r.err).toContain('connecting again');
  });

  it('ends with 1 when the job failed, and shows why', async () => {
    const failure = { code: 'diverged', message: 'a value is not finite: lower the learning rate', retryable: false };
    routes.set('GET /api/jobs/job_1', (_q, res) => json(res, job('failed', { failure })));
    routes.set('GET /api/jobs/job_1/events', (_q, res) =>
      res.end(`id: 1\ndata: ${JSON.stringify(event(1, { type: 'state', state: 'failed', cause: 'diverged' }))}\n\n`),
    );
    const r = await strata('watch', 'job_1');
    expect(r.code).toBe(EXIT.jobFailed);
    expect(r.out).toContain('error [diverged] a value is not finite: lower the learning rate');
  });
});

describe('upload', () => {
  it('sends a large file in parts and goes on where a broken one stopped', async () => {
    const file = path.join(home, 'large.bin');
    const content = Buffer.alloc(20 * 2 ** 20, 'strata');
    fs.writeFileSync(file, content);
    let received = Buffer.alloc(0);
    let broken = false;
    routes.set('POST /api/uploads', (req, res) => {
      expect(req.headers['upload-length']).toBe(String(content.length));
      expect(req.headers['upload-metadata']).toBe(`filename ${Buffer.from('large.bin').toString('base64')}`);
      res.writeHead(201, { location: '/api/uploads/up_1' }).end();
    });
    routes.set('HEAD /api/uploads/up_1', (_q, res) =>
      res.writeHead(200, { 'upload-offset': String(received.length) }).end(),
    );
    routes.set('PATCH /api/uploads/up_1', (req, res, body) => {
      expect(Number(req.headers['upload-offset'])).toBe(received.length);
      if (received.length > 0 && !broken) {
        // a part arrives only in part, and the connection breaks
        broken = true;
        received = Buffer.concat([received, body.subarray(0, 1000)]);
        req.socket.destroy();
        return;
      }
      received = Buffer.concat([received, body]);
      const done = received.length === content.length ? { 'strata-file': 'file_1' } : {};
      res.writeHead(204, { 'upload-offset': String(received.length), ...done }).end();
    });
    const stored = {
      object: 'file',
      id: 'file_1',
      filename: 'large.bin',
      bytes: content.length,
      sha256: 'x',
      media_type: 't',
      created_at: '2026-01-01T00:00:00.000Z',
    };
    routes.set('GET /api/files/file_1', (_q, res) => json(res, stored));
    const r = await strata('files', 'upload', file);
    expect(r.code).toBe(EXIT.ok);
    expect(r.out.trim()).toBe('file_1');
    expect(broken).toBe(true);
    expect(received.equals(content)).toBe(true);
    expect(fs.readFileSync(path.join(home, 'strata/uploads.json'), 'utf8')).toBe('{}');
  });
});

describe('login', () => {
  it('checks the key, and keeps it for the owner alone and for this address alone', async () => {
    routes.set('GET /api/keys/current', (_q, res) => json(res, { name: 'admin', tenant: 'tnt_1', scopes: ['read'] }));
    expect((await strata('login', '--key', 'sk-strata-kept')).out).toContain('logged in');
    const key = path.join(home, 'strata/key');
    expect(fs.readFileSync(key, 'utf8')).toBe('sk-strata-kept\n');
    expect(fs.statSync(key).mode & 0o777).toBe(0o600);
    process.env.STRATA_KEY = '';
    routes.set('GET /api/jobs', (_q, res) => json(res, { object: 'list', data: [], has_more: false, next: null }));
    expect((await strata('jobs')).out).toContain('nothing there yet');
    expect(calls.at(-1)?.headers.authorization).toBe('Bearer sk-strata-kept');
    await strata('logout');
    expect(fs.existsSync(key)).toBe(false);
    process.env.STRATA_KEY = 'sk-strata-test';
  });

  it('keeps nothing when the key is refused', async () => {
    routes.set('GET /api/keys/current', (_q, res) => problem(res, 401, 'unauthenticated', 'unknown key'));
    expect((await strata('login', '--key', 'sk-wrong')).code).toBe(EXIT.auth);
    expect(fs.existsSync(path.join(home, 'strata/key'))).toBe(false);
  });
});

describe('completion', () => {
  it('offers scripts for bash and zsh, commands, and what the gateway knows', async () => {
    routes.set('GET /api/recipes', (_q, res) => json(res, { data: [{ name: 'data/clean' }, { name: 'data/split' }] }));
    const { completionScript, remoteWords } = await import('./completion.js');
    expect(completionScript('bash')).toContain('complete -o filenames -F _strata_completions strata');
    expect(completionScript('zsh')).toContain('compdef _strata_completions strata');
    const { Api } = await import('./api/client.js');
    const api = new Api({ url, key: 'k', keyWords: '' });
    expect(await remoteWords(api, ['submit'])).toEqual(['data/clean', 'data/split']);
    expect(await remoteWords(api, ['submit', 'data/clean'])).toEqual([]);
    expect(await remoteWords(new Api({ url: 'http://127.0.0.1:2', key: 'k', keyWords: '' }), ['jobs'])).toEqual([]);
  });
});
