import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { Logger } from '@nestjs/common';
import { type ErrorCode, StrataError } from '@strata/kernel';
import { PROBLEM_TYPE, problemOf } from './problem.js';

const PERCENT =
  'percent-encode every character of the address that is not plain ASCII, and spaces: %E9%87%8F for 量, %20 for a space';

interface Refusal {
  readonly status: number;
  readonly code: ErrorCode;
  readonly message: string;
}
const invalid = (message: string): Refusal => ({ status: 400, code: 'invalid_request', message });

/** By the error codes of Node's HTTP parser (llhttp: https://github.com/nodejs/llhttp) and server. */
const REFUSALS: Readonly<Record<string, Refusal>> = {
  HPE_INVALID_URL: invalid(`the address in the request line holds a character that HTTP forbids there: ${PERCENT}`),
  // where a space in the address is followed by more of it
  HPE_INVALID_CONSTANT: invalid(`the request line must end with HTTP/1.1 after the address: ${PERCENT}`),
  HPE_INVALID_VERSION: invalid('the request line names a version of HTTP that is not spoken here: use HTTP/1.1'),
  HPE_INVALID_METHOD: invalid(
    'the request does not begin with a method of HTTP: send HTTP/1.1, and TLS only to what ends it before the gateway',
  ),
  HPE_HEADER_OVERFLOW: {
    status: 431,
    code: 'payload_too_large',
    message: 'the request line and the headers are too long together: shorten the address, or drop headers',
  },
  ERR_HTTP_REQUEST_TIMEOUT: { ...invalid('the request did not come in whole in time: send it again'), status: 408 },
};

/**
 * Answers what the HTTP parser refuses, and no route ever sees, with problem details too; then the connection ends, because nothing tells where
 * the next request would begin.
 */
export function refuseUnparsed(
  newRequestId: () => string,
): (error: Error & { code?: string; reason?: string }, socket: Socket) => void {
  const log = new Logger('http');
  return (cause, socket) => {
    // a connection that was cut has nobody to answer
    if (cause.code === 'ECONNRESET' || !socket.writable) {
      socket.destroy();
      return;
    }
    const { status, code, message } =
      REFUSALS[cause.code ?? ''] ??
      invalid(`this is no valid HTTP/1.1 request (${cause.reason ?? cause.message}): mend the client that sent it`);
    const id = newRequestId();
    // not the error itself: it carries the bytes that came, keys among them
    log.debug({ requestId: id, code, reason: cause.message }, message);
    const body = JSON.stringify({ ...problemOf(new StrataError(code, message, { cause }), id), status });
    const head = [
      `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`,
      `content-type: ${PROBLEM_TYPE}`,
      `content-length: ${Buffer.byteLength(body)}`,
      `x-request-id: ${id}`,
      'connection: close',
    ];
    socket.end(`${head.join('\r\n')}\r\n\r\n${body}`, () => socket.destroy());
  };
}
