import { describe, expect, it } from '@jest/globals';
import { deserializeError, ERRORS, StrataError, isStrataError, toStrataError } from './errors.js';

describe('the error table', () => {
  it.each(Object.entries(ERRORS))('%s has statuses of their specifications and both languages', (code, row) => {
    expect(code).toMatch(/^[a-z][a-z_]+$/);
    expect(row.httpStatus).toBeGreaterThanOrEqual(400);
    expect(row.httpStatus).toBeLessThan(600);
    expect(row.grpcStatus).toBeGreaterThanOrEqual(1);
    expect(row.grpcStatus).toBeLessThanOrEqual(16);
    expect(row.title.en).toMatch(/^[A-Z]/);
    expect(row.title.zh).toMatch(/[\u4e00-\u9fff]/);
  });
});

describe('StrataError', () => {
  it('survives JSON with its place in the data', () => {
    const e = new StrataError('invalid_data', 'line 17 has 5 fields, expected 6', {
      where: { line: 17, column: 'age' },
    });
    const back = deserializeError(JSON.parse(JSON.stringify(e)) as Record<string, unknown>);
    expect(back).toMatchObject({
      code: 'invalid_data',
      message: e.message,
      retryable: false,
      where: { line: 17, column: 'age' },
    });
    expect(isStrataError(back)).toBe(true);
  });

  it('turns an unknown code into internal', () => {
    expect(deserializeError({ code: 'constructor', message: 'x' }).code).toBe('internal');
  });

  it('keeps what was caught as the cause, and knows a full disk', () => {
    const cause = Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
    const e = toStrataError(cause);
    expect(e.code).toBe('disk_full');
    expect(e.cause).toBe(cause);
    expect(toStrataError(e)).toBe(e);
    expect(toStrataError('boom')).toMatchObject({ code: 'internal', message: 'boom' });
  });

  it('lets the place decide whether a retry helps', () => {
    expect(new StrataError('worker_crashed', 'x').retryable).toBe(true);
    expect(new StrataError('worker_crashed', 'x', { retryable: false }).retryable).toBe(false);
  });
});
