import { HttpException } from '@nestjs/common';
import type { Problem } from '@strata/contracts';
import { codeOf, isLost, messageOf } from '../db/error-code.js';
import { ERRORS, type ErrorCode, isStrataError, StrataError, toStrataError } from '@strata/kernel';

export const PROBLEM_TYPE = 'application/problem+json';

/** An issue of any Standard Schema (zod among them). */
export interface Issue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

const dotted = (path: Issue['path']): string =>
  (path ?? []).map((p) => String(typeof p === 'object' ? p.key : p)).join('.');

/** What a schema refused, as `invalid_request` that names the first wrong field. */
export function invalidRequest(issues: readonly Issue[]): StrataError {
  const [first] = issues;
  const unknown = first && 'keys' in first && Array.isArray(first.keys) ? String(first.keys[0]) : undefined;
  const field = [dotted(first?.path), unknown].filter(Boolean).join('.');
  const more = issues.length > 1 ? ` (and ${issues.length - 1} more)` : '';
  const what = first?.message ?? 'it does not fit the schema';
  return new StrataError(
    'invalid_request',
    `${field ? `field "${field}": ` : ''}${what}${more}`,
    field ? { where: { field } } : {},
  );
}

const BY_STATUS: Readonly<Record<number, ErrorCode>> = {
  400: 'invalid_request',
  401: 'unauthenticated',
  403: 'permission_denied',
  404: 'not_found',
  405: 'not_found',
  408: 'deadline_exceeded',
  409: 'conflict',
  413: 'payload_too_large',
  414: 'invalid_request',
  415: 'unsupported_media_type',
  416: 'invalid_request',
  429: 'rate_limited',
  431: 'payload_too_large',
  503: 'unavailable',
};
// https://www.postgresql.org/docs/current/errcodes-appendix.html
const POSTGRES: Readonly<Record<string, ErrorCode>> = {
  '22P05': 'invalid_request', // untranslatable character: \u0000 in jsonb
  '22021': 'invalid_request', // character not in repertoire: a NUL byte in text
  '53100': 'disk_full',
  '53300': 'unavailable', // too many connections
  '57P01': 'unavailable', // admin shutdown
  '57P02': 'unavailable', // crash shutdown
  '57P03': 'unavailable', // cannot connect now
};

function statusOf(e: unknown): number | undefined {
  if (e instanceof HttpException) return e.getStatus();
  const has = typeof e === 'object' && e !== null && 'statusCode' in e;
  return has && typeof e.statusCode === 'number' ? e.statusCode : undefined;
}

/** Any error as a StrataError: those of Nest, Fastify, PostgreSQL and the network get the code that fits. */
export function errorOf(e: unknown): StrataError {
  if (isStrataError(e)) return e;
  const code = codeOf(e);
  const message = messageOf(e);
  const status = statusOf(e);
  if (status !== undefined && status < 500 && BY_STATUS[status])
    return new StrataError(BY_STATUS[status], message, { cause: e });
  const database = POSTGRES[code];
  if (database === 'invalid_request')
    return new StrataError(database, 'the request holds the character U+0000, which cannot be stored: remove it', {
      cause: e,
    });
  if (database)
    return new StrataError(database, `the database does not take the request now: ${message}`, { cause: e });
  if (isLost(e))
    return new StrataError('unavailable', `a service that this needs does not answer (${message}); try again`, {
      cause: e,
    });
  return toStrataError(e);
}

/** RFC 9457. What went wrong inside is for the log, not for the caller. */
export function problemOf(error: StrataError, requestId: string): Problem {
  const row = ERRORS[error.code];
  const hidden = error.code === 'internal';
  return {
    type: `/api/errors/${error.code}`,
    title: row.title.en,
    status: row.httpStatus,
    detail: hidden ? `an unforeseen failure; the log of the gateway has it under request ${requestId}` : error.message,
    code: error.code,
    retryable: error.retryable,
    ...(error.where ? { where: error.where } : {}),
    request_id: requestId,
  };
}
