import http from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import type { Problem } from '@strata/contracts';
import { refuseUnparsed } from './client-error.js';

const server = http.createServer({ headersTimeout: 300, connectionsCheckingInterval: 50 }, (_request, response) => {
  response.end('a route');
});
server.on(
  'clientError',
  refuseUnparsed(() => 'req_7'),
);
beforeAll(() => Logger.overrideLogger(false));
beforeAll(() => new Promise<void>((r) => server.listen(0, '127.0.0.1', r)));
afterAll(() => new Promise((r) => server.close(r)));

/** Sends these bytes and reads until the server closes the connection. */
async function send(text: string): Promise<{ head: string; body: string }> {
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  socket.write(Buffer.from(text, 'utf8'));
  let answer = '';
  for await (const chunk of socket.setEncoding('utf8')) answer += String(chunk);
  const end = answer.indexOf('\r\n\r\n');
  return { head: answer.slice(0, end), body: answer.slice(end + 4) };
}
const HOST = '\r\nhost: x\r\nconnection: close\r\n\r\n';

describe('a request that the HTTP parser refuses', () => {
  it.each([
    ['raw UTF-8 in the query', 'GET /api/catalog/search?q=量化 HTTP/1.1', 400, 'invalid_request', 'percent-encode'],
    ['raw UTF-8 in the path', 'GET /api/models/模型 HTTP/1.1', 400, 'invalid_request', 'percent-encode'],
    ['a space in the address', 'GET /api/catalog/search?q=a b HTTP/1.1', 400, 'invalid_request', '%20'],
    ['a version that is not spoken', 'GET /api/jobs HTTP/7.5', 400, 'invalid_request', 'use HTTP/1.1'],
    ['no HTTP at all', '\x16\x03\x01\x02\0', 400, 'invalid_request', 'TLS'],
    ['a damaged header', 'GET / HTTP/1.1\r\na header', 400, 'invalid_request', 'Invalid header token'],
    ['headers without end', `GET /?${'a'.repeat(20_000)} HTTP/1.1`, 431, 'payload_too_large', 'shorten'],
  ])('is told what to do: %s', async (_what, line, status, code, advice) => {
    const { head, body } = await send(line + HOST);
    expect(head).toMatch(new RegExp(`^HTTP/1.1 ${status} [A-Z]`));
    expect(head).toContain('content-type: application/problem+json');
    expect(head).toContain(`content-length: ${Buffer.byteLength(body)}`);
    expect(head).toContain('connection: close');
    const problem = JSON.parse(body) as Problem;
    expect(problem).toMatchObject({ type: `/api/errors/${code}`, status, code, request_id: 'req_7' });
    expect(problem.detail).toContain(advice);
  });

  it('is told when it does not come to its end', async () => {
    const { head, body } = await send('GET / HTTP/1.1\r\nhost:');
    expect(head).toMatch(/^HTTP\/1.1 408 /);
    expect(JSON.parse(body)).toMatchObject({ status: 408, code: 'invalid_request' });
  });

  it('hinders no other', async () => {
    expect((await send(`GET /api/catalog/search?q=%E9%87%8F HTTP/1.1${HOST}`)).body).toContain('a route');
  });
});
