import { spawn } from 'node:child_process';
import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { SOURCE_ARGV, program, testEnvironment } from '../testing/source.js';
import { openSpool, type NewEvent, type Spool } from './spool.js';

let dir = '';
let warnings: string[] = [];
beforeEach(() => {
  dir = mkdtempSync(path.join(os.tmpdir(), 'strata-spool-'));
  warnings = [];
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const open = (more: { segmentBytes?: number; maxBytes?: number } = {}): Promise<Spool> =>
  openSpool({ dir, warn: (_f, m) => warnings.push(m), ...more });
const event = (n: number, type = 'metrics'): NewEvent => ({
  jobId: 'job_1',
  attempt: 1,
  timeMs: n,
  body: JSON.stringify({ type, n, text: '数据\t\n"' }),
});
const numbers = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, i) => from + i);
const appended = async (spool: Spool, from: number, to: number): Promise<void> => {
  await Promise.all(numbers(from, to).map((n) => spool.append([event(n)], false)));
};
const all = async (spool: Spool, from = spool.acked + 1) => {
  const out = [];
  for (let next = from; ;) {
    const part = await spool.read(next, 7);
    out.push(...part);
    const last = part.at(-1);
    if (!last) return out;
    next = last.seq + 1;
  }
};
const segments = (): string[] =>
  readdirSync(dir)
    .filter((n) => n.endsWith('.log'))
    .sort();

describe('the event spool', () => {
  it('numbers events from one, in the order of appending, and gives them back as they were', async () => {
    const spool = await open();
    await appended(spool, 1, 50);
    const events = await all(spool);
    expect(events).toEqual(numbers(1, 50).map((n) => ({ ...event(n), seq: n })));
    await spool.close();
  });

  it('goes on counting after a restart, also when everything was acknowledged and removed', async () => {
    let spool = await open({ segmentBytes: 500 });
    await appended(spool, 1, 20);
    spool.ack(12);
    await spool.close();
    spool = await open({ segmentBytes: 500 });
    expect((await all(spool)).map((e) => e.seq)).toEqual(numbers(13, 20));
    spool.ack(20);
    await spool.close();
    spool = await open();
    expect(await all(spool)).toEqual([]);
    await spool.append([event(21)], true);
    expect(spool.last).toBe(21);
    await spool.close();
  });

  it('splits into segments and removes those that are acknowledged, but for the newest', async () => {
    const spool = await open({ segmentBytes: 500 });
    for (const n of numbers(1, 40)) await spool.append([event(n)], false);
    const before = segments().length;
    expect(before).toBeGreaterThan(3);
    expect((await all(spool, 1)).map((e) => e.seq)).toEqual(numbers(1, 40));
    spool.ack(40);
    await spool.close();
    expect(segments()).toHaveLength(1);
  });

  it('cuts off a broken end and keeps what is before it', async () => {
    let spool = await open();
    await appended(spool, 1, 5);
    await spool.close();
    const file = path.join(dir, segments()[0] ?? '');
    appendFileSync(file, 'deadbeef\t6\t1\t6\tjob_1\t{"type":"lo');
    spool = await open();
    expect(warnings).toEqual(['the end of an event file is broken and was cut off']);
    await appended(spool, 6, 7);
    expect((await all(spool)).map((e) => e.timeMs)).toEqual(numbers(1, 7));
    await spool.close();
  });

  it('reads up to a line whose bytes changed on the disk', async () => {
    let spool = await open();
    await appended(spool, 1, 5);
    await spool.close();
    const file = path.join(dir, segments()[0] ?? '');
    const lines = readFileSync(file, 'utf8').split('\n');
    lines[3] = lines[3]?.replace('"n":4', '"n":9') ?? '';
    writeFileSync(file, lines.join('\n'));
    spool = await open();
    expect((await all(spool)).map((e) => e.seq)).toEqual([1, 2, 3]);
    await spool.close();
  });

  it('numbers anew what it gave out a second time, when a gateway has recorded more than the disk kept', async () => {
    let spool = await open();
    await appended(spool, 1, 10);
    await spool.close();
    // the disk loses the last six; the gateway had recorded eight
    const file = path.join(dir, segments()[0] ?? '');
    const lines = readFileSync(file, 'utf8').split('\n');
    truncateSync(file, Buffer.byteLength(`${lines.slice(0, 4).join('\n')}\n`));
    spool = await open();
    await appended(spool, 101, 103);
    expect(spool.last).toBe(7);
    await spool.welcome(8);
    spool.ack(8);
    expect((await all(spool)).map((e) => [e.seq, e.timeMs])).toEqual([
      [9, 101],
      [10, 102],
      [11, 103],
    ]);
    await spool.append([event(104)], false);
    await spool.welcome(8); // of a gateway that restarted: nothing changes
    expect((await all(spool)).map((e) => e.seq)).toEqual([9, 10, 11, 12]);
    await spool.close();
    spool = await open();
    expect((await all(spool)).map((e) => [e.seq, e.timeMs]).slice(-2)).toEqual([
      [11, 103],
      [12, 104],
    ]);
    await spool.close();
  });

  it('drops progress and log lines when too much waits, never anything else', async () => {
    const spool = await open({ segmentBytes: 500, maxBytes: 2_000 });
    for (const n of numbers(1, 60)) await spool.append([event(n, n % 2 ? 'progress' : 'metrics')], false);
    await spool.append([event(61, 'succeeded')], true);
    const events = await all(spool);
    const kept = events.map((e) => e.timeMs);
    expect(kept.filter((n) => n % 2 === 0)).toEqual(numbers(1, 30).map((n) => 2 * n));
    expect(kept.filter((n) => n % 2 === 1).length).toBeLessThan(30);
    expect(kept.at(-1)).toBe(61);
    expect(events.map((e) => e.seq)).toEqual(numbers(1, events.length));
    expect(warnings).toHaveLength(1);
    await spool.close();
  });

  it('survives SIGKILL: what was called durable is there, numbered without a gap', async () => {
    const child = spawn(process.execPath, [...SOURCE_ARGV, program('spool-program'), dir], {
      env: testEnvironment(),
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let durable = 0;
    await new Promise<void>((resolve) => {
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        durable = Number(text.trim().split('\n').at(-1));
        if (durable > 500) child.kill('SIGKILL');
      });
      child.once('close', () => resolve());
    });
    expect(child.signalCode).toBe('SIGKILL');
    const spool = await open();
    const seqs = (await all(spool)).map((e) => e.seq);
    expect(seqs.length).toBeGreaterThanOrEqual(durable);
    expect(seqs).toEqual(numbers(1, seqs.length));
    expect(spool.last).toBe(seqs.length);
    await spool.close();
  });
});
