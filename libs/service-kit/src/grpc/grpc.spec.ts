import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { control } from '@strata/contracts/grpc';
import { StrataError, silentLogger, type LogFields } from '@strata/kernel';
import type { ServiceLogger } from '../logging.js';
import { createGrpcClient, type GrpcClient } from './client.js';
import { Encoded } from './encoded.js';
import { createGrpcServer, type GrpcServer, type GrpcServerOptions } from './server.js';
import type { CallInfo, Implementation } from './types.js';

const { ControlServiceService, ClaimResponse } = control;
const TOKEN = 'a-token-of-the-test';
const quiet: ServiceLogger = { ...silentLogger, child: () => quiet };

const servers: GrpcServer[] = [];
const clients: GrpcClient<typeof ControlServiceService>[] = [];
afterEach(async () => {
  for (const c of clients.splice(0)) c.close();
  for (const s of servers.splice(0)) await s.close(100);
});

type Claim = Implementation<typeof ControlServiceService>['claim'];
const granted: Claim = () => Promise.resolve(ClaimResponse.fromPartial({ granted: true, attempt: 1 }));

async function serve(claim: Claim = granted, options: Partial<GrpcServerOptions> = {}): Promise<number> {
  const server = createGrpcServer({ host: '127.0.0.1', port: 0, token: TOKEN, log: quiet, ...options });
  server.add(ControlServiceService, {
    claim,
    attach: (stream) => {
      stream.on('data', (message: control.WorkerMessage) => {
        if (message.body?.$case === 'event')
          stream.write({ body: { $case: 'ack', value: { seq: message.body.value.seq } } });
      });
      stream.on('end', () => stream.end());
    },
  });
  servers.push(server);
  return server.listen();
}

async function connect(address: string, options: { token?: string; tls?: GrpcServerOptions['tls'] } = {}) {
  const client = await createGrpcClient(ControlServiceService, {
    address,
    token: options.token ?? TOKEN,
    tls: options.tls,
    name: 'the control service',
  });
  clients.push(client);
  return client;
}

const request = { workerId: 'w', jobId: 'job_1', attempt: 0 };

describe('gRPC between services', () => {
  it('carries a unary call and the request id, into all lines that are logged for it', async () => {
    let seen: CallInfo | undefined;
    const lines: LogFields[] = [];
    const logOf = (own: LogFields): ServiceLogger => {
      const write = (fields: LogFields): void => void lines.push({ ...own, ...fields });
      return { debug: write, info: write, warn: write, error: write, child: (f) => logOf({ ...own, ...f }) };
    };
    const log = logOf({});
    const port = await serve(
      (req, call) => {
        seen = call;
        call.log.info({ step: 1 }, 'asked');
        call.log.info({ step: 2 }, 'asked');
        return Promise.resolve(ClaimResponse.fromPartial({ granted: true, reason: req.jobId, attempt: 7 }));
      },
      { log },
    );
    const client = await connect(`127.0.0.1:${port}`);
    const answer = await client.call.claim(request, { requestId: 'req_abc' });
    expect(answer).toEqual({ granted: true, reason: 'job_1', attempt: 7 });
    expect(seen?.requestId).toBe('req_abc');
    const request_id = 'req_abc';
    expect(lines).toEqual([
      { request_id, step: 1 },
      { request_id, step: 2 },
      { request_id, method: 'claim', ms: expect.any(Number) },
    ]);
  });

  it('logs a call that failed, with its reason', async () => {
    const lines: LogFields[] = [];
    const log: ServiceLogger = { ...quiet, error: (fields) => lines.push(fields) };
    const port = await serve(() => Promise.reject(new TypeError('a hole in the floor')), { log });
    const client = await connect(`127.0.0.1:${port}`);
    await expect(client.call.claim(request, { requestId: 'req_d' })).rejects.toMatchObject({ code: 'internal' });
    expect(lines).toEqual([
      {
        request_id: 'req_d',
        method: 'claim',
        ms: expect.any(Number),
        error: expect.stringContaining('a hole in the floor'),
      },
    ]);
  });

  it('sends the bytes of an answer as the answer', async () => {
    const answer = { granted: true, reason: '因为', attempt: 300 };
    // field 1: true; field 2: six bytes of UTF-8; field 3: 300 = 0b10_0101100
    const bytes = Buffer.from([0x08, 1, 0x12, 6, 0xe5, 0x9b, 0xa0, 0xe4, 0xb8, 0xba, 0x18, 0xac, 0x02]);
    const port = await serve(() => Promise.resolve(new Encoded<control.ClaimResponse>(bytes)));
    const client = await connect(`127.0.0.1:${port}`);
    await expect(client.call.claim(request)).resolves.toEqual(answer);
  });

  it('makes a new request id where the caller gives none or an unsafe one', async () => {
    const ids: string[] = [];
    const port = await serve((_r, call) => {
      ids.push(call.requestId);
      expect(call.requestId).toBe(ids.at(-1));
      return granted(_r, call);
    });
    const client = await connect(`127.0.0.1:${port}`);
    await client.call.claim(request);
    await client.call.claim(request, { requestId: 'two words "and" quotes' });
    for (const id of ids) expect(id).toMatch(/^req_[0-9a-f]{32}$/);
  });

  it('refuses a wrong token on unary calls and on streams', async () => {
    const port = await serve();
    const client = await connect(`127.0.0.1:${port}`, { token: 'another-token-altogether' });
    await expect(client.call.claim(request)).rejects.toMatchObject({ code: 'unauthenticated' });
    const stream = client.duplex('attach');
    const error = await new Promise<{ code?: number }>((resolve) => stream.on('error', resolve));
    expect(error.code).toBe(16);
  });

  it('brings a StrataError over the wire whole: code, message in any script, place, retryable', async () => {
    const port = await serve(() =>
      Promise.reject(
        new StrataError('invalid_parameter', '参数 “ε” 超出范围', { where: { field: 'params.eps' }, retryable: true }),
      ),
    );
    const client = await connect(`127.0.0.1:${port}`);
    await expect(client.call.claim(request)).rejects.toMatchObject({
      code: 'invalid_parameter',
      message: '参数 “ε” 超出范围',
      where: { field: 'params.eps' },
      retryable: true,
    });
  });

  it('turns an unforeseen exception into `internal` and a message too long for a header into a shorter one', async () => {
    const port = await serve(() => Promise.reject(new TypeError('x'.repeat(100_000))));
    const client = await connect(`127.0.0.1:${port}`);
    await expect(client.call.claim(request)).rejects.toMatchObject({ code: 'internal', message: 'x'.repeat(2_000) });
  });

  it('says that nothing answers, that a deadline passed, that a call was given up', async () => {
    const nobody = await connect('127.0.0.1:1');
    await expect(nobody.call.claim(request)).rejects.toMatchObject({ code: 'unavailable', retryable: true });
    let aborted = 0;
    const port = await serve(
      (_r, call) => new Promise(() => call.signal.addEventListener('abort', () => (aborted += 1))),
    );
    const client = await connect(`127.0.0.1:${port}`);
    await expect(client.call.claim(request, { deadlineMs: 50 })).rejects.toMatchObject({ code: 'deadline_exceeded' });
    const abort = new AbortController();
    const call = client.call.claim(request, { signal: abort.signal });
    setTimeout(() => abort.abort(), 30);
    await expect(call).rejects.toMatchObject({ code: 'job_cancelled' });
    while (aborted < 2) await new Promise((r) => setTimeout(r, 10));

    // a handler that looks at its signal late sees that the caller went away before
    let late: boolean | undefined;
    const slow = await serve(async (_r, info) => {
      await new Promise((r) => setTimeout(r, 150));
      late = info.signal.aborted;
      return ClaimResponse.fromPartial({});
    });
    const hasty = await connect(`127.0.0.1:${slow}`);
    await expect(hasty.call.claim(request, { deadlineMs: 50 })).rejects.toMatchObject({ code: 'deadline_exceeded' });
    while (late === undefined) await new Promise((r) => setTimeout(r, 10));
    expect(late).toBe(true);
  });

  it('streams both ways', async () => {
    const port = await serve();
    const client = await connect(`127.0.0.1:${port}`);
    const stream = client.duplex('attach');
    const acks: number[] = [];
    stream.on('data', (m) => m.body?.$case === 'ack' && acks.push(m.body.value.seq));
    for (const seq of [1, 2, 3])
      stream.write({ body: { $case: 'event', value: control.WorkerEvent.fromPartial({ seq }) } });
    stream.end();
    await new Promise((resolve) => stream.on('end', resolve));
    expect(acks).toEqual([1, 2, 3]);
  });

  it('says that a port is taken', async () => {
    const port = await serve();
    await expect(serve(granted, { port })).rejects.toMatchObject({ code: 'port_in_use' });
  });
});

const openssl = spawnSync('openssl', ['version']).status === 0;
if (!openssl) console.log('skipped: TLS tests, because the openssl command is missing');

(openssl ? describe : describe.skip)('gRPC over TLS', () => {
  const dir = mkdtempSync(path.join(os.tmpdir(), 'strata-tls-'));
  const at = (name: string): string => path.join(dir, name);
  const sh = (...args: string[]): void => void execFileSync('openssl', args, { stdio: 'pipe' });
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

  beforeAll(() => {
    const authority = (name: string): void =>
      sh(
        'req',
        '-x509',
        ...curve,
        '-keyout',
        at(`${name}.key`),
        '-out',
        at(`${name}.pem`),
        '-days',
        '2',
        '-subj',
        `/CN=${name}`,
      );
    authority('ca');
    authority('stranger');
    writeFileSync(at('ext'), 'subjectAltName=DNS:localhost,IP:127.0.0.1\n');
    for (const [name, ca] of [
      ['server', 'ca'],
      ['client', 'ca'],
      ['intruder', 'stranger'],
    ] as const) {
      sh('req', ...curve, '-keyout', at(`${name}.key`), '-out', at(`${name}.csr`), '-subj', `/CN=${name}`);
      sh(
        'x509',
        '-req',
        '-in',
        at(`${name}.csr`),
        '-CA',
        at(`${ca}.pem`),
        '-CAkey',
        at(`${ca}.key`),
        '-CAcreateserial',
        '-days',
        '2',
        '-extfile',
        at('ext'),
        '-out',
        at(`${name}.pem`),
      );
    }
  });
  afterAll(() => rmSync(dir, { recursive: true, force: true }));

  const identity = (name: string, ca = 'ca') => ({
    ca: at(`${ca}.pem`),
    cert: at(`${name}.pem`),
    key: at(`${name}.key`),
  });

  it('serves a client that trusts the authority, and no client that does not', async () => {
    const port = await serve(granted, { tls: identity('server') });
    const trusting = await connect(`localhost:${port}`, { tls: { ca: at('ca.pem') } });
    await expect(trusting.call.claim(request)).resolves.toMatchObject({ granted: true });
    const doubting = await connect(`localhost:${port}`, { tls: { ca: at('stranger.pem') } });
    await expect(doubting.call.claim(request, { deadlineMs: 3_000 })).rejects.toMatchObject({ code: 'unavailable' });
    const plain = await connect(`localhost:${port}`);
    await expect(plain.call.claim(request, { deadlineMs: 3_000 })).rejects.toMatchObject({ code: 'unavailable' });
  });

  it('asks for a certificate of the same authority when mutual', async () => {
    const port = await serve(granted, { tls: { ...identity('server'), mutual: true } });
    const known = await connect(`localhost:${port}`, { tls: identity('client') });
    await expect(known.call.claim(request)).resolves.toMatchObject({ granted: true });
    const nameless = await connect(`localhost:${port}`, { tls: { ca: at('ca.pem') } });
    await expect(nameless.call.claim(request, { deadlineMs: 3_000 })).rejects.toBeInstanceOf(StrataError);
    const intruder = await connect(`localhost:${port}`, { tls: { ...identity('intruder'), ca: at('ca.pem') } });
    await expect(intruder.call.claim(request, { deadlineMs: 3_000 })).rejects.toBeInstanceOf(StrataError);
  });

  it('names a certificate file that cannot be read', async () => {
    await expect(serve(granted, { tls: { cert: at('none.pem'), key: at('none.key') } })).rejects.toMatchObject({
      code: 'invalid_configuration',
      message: expect.stringContaining('none.pem'),
    });
  });
});
