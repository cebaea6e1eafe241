import { describe, expect, it } from '@jest/globals';
import { createLog, postgresLine, readable } from './logs.mjs';
import { MESSAGES, translator } from './messages.mjs';

describe('log lines', () => {
  it('turn a pino line into words with its fields', () => {
    const line = JSON.stringify({
      level: 40,
      time: 5,
      pid: 1,
      hostname: 'h',
      msg: 'slow',
      job_id: 'job_1',
      note: 'two words',
    });
    expect(readable(line)).toEqual({ level: 'warn', time: 5, words: 'slow  job_id=job_1 note="two words"' });
  });

  it('keep a stack, and what is not JSON', () => {
    const line = JSON.stringify({ level: 'error', msg: 'no', err: { stack: 'Error: x\n  at y' } });
    expect(readable(line)).toMatchObject({ level: 'error', words: 'no\n    Error: x\n      at y' });
    expect(readable('{broken')).toMatchObject({ words: '{broken' });
  });

  it('leave out how Nest starts', () => {
    expect(
      readable(JSON.stringify({ level: 'info', context: 'RouterExplorer', msg: 'Mapped {/x, GET} route' })),
    ).toBeUndefined();
  });

  it('show of PostgreSQL what is grave and not by our own order', () => {
    expect(postgresLine('LOG:  checkpoint starting: time')).toBeUndefined();
    expect(postgresLine('FATAL:  terminating connection due to administrator command')).toBeUndefined();
    expect(postgresLine('PANIC:  could not write to file: No space left on device')).toMatchObject({ level: 'error' });
    expect(
      postgresLine('LOG:  database system was not properly shut down; automatic recovery in progress'),
    ).toMatchObject({
      level: 'info',
    });
  });

  it('begin with time and name, in colour only when asked', () => {
    const written: string[] = [];
    const stream = { write: (s: string) => written.push(s) };
    createLog(stream, { colour: false })('gateway', 'hello');
    createLog(stream, { colour: true })('gateway', 'hello');
    expect(written[0]).toMatch(/^\d\d:\d\d:\d\d gateway {5}\| hello\n$/);
    expect(written[1]).toContain('\x1b[34mgateway');
  });
});

describe('messages', () => {
  it('have both languages with the same values', () => {
    const values = (s: string): string[] => [...s.matchAll(/\{(\w+)\}/g)].map((m) => m[1] ?? '').sort();
    for (const [key, m] of Object.entries(MESSAGES)) {
      expect({ key, zh: values(m.zh) }).toEqual({ key, zh: values(m.en) });
      expect(m.zh).not.toBe('');
    }
  });

  it('put values in', () => {
    expect(translator('en')('running', { pid: 7, dir: '/d', at: '' })).toContain('(process 7) already runs on /d:');
  });
});
