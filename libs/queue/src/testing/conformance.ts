import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { StrataError, isStrataError } from '@strata/kernel';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { createConsumer, createQueue } from '../index.js';
import type { ConsumedJob, Consumer, ConsumerOptions, JobHandler, QueueConfig, QueuePort } from '../index.js';

/** A real server that the suite may stop and start again at the same address. */
export interface Server {
  readonly config: QueueConfig;
  restart(): Promise<void>;
  stop(): Promise<void>;
}

const until = async (what: string, holds: () => boolean | Promise<boolean>, ms = 20_000): Promise<void> => {
  for (const end = Date.now() + ms; Date.now() < end; await sleep(10)) if (await holds()) return;
  throw new Error(`waited ${ms} ms in vain: ${what}`);
};

/** What QueuePort and Consumer promise, over any backend. */
export function conformsToQueuePort(name: string, start: () => Promise<Server>): void {
  describe(name, () => {
    let server: Server;
    let port: QueuePort;
    let count = 0;
    const consumers: Consumer[] = [];
    const fresh = (): string => `q${process.pid}-${++count}`;
    const consume = (queue: string, handler: JobHandler, options: ConsumerOptions = {}): Consumer => {
      const consumer = createConsumer(server.config, queue, handler, options);
      consumers.push(consumer);
      return consumer;
    };
    const gone = (queue: string, ...ids: string[]): Promise<void> =>
      until(`${ids} to leave ${queue}`, async () => (await port.missing(queue, ids)).length === ids.length);

    beforeAll(async () => {
      server = await start();
      port = createQueue(server.config);
      await port.check();
    }, 60_000);
    afterAll(async () => {
      await Promise.all(consumers.map((c) => c.close(true)));
      await port.close();
      await server.stop();
    }, 60_000);

    it('hands a job over, as it was given, and forgets it once it has ended', async () => {
      const q = fresh();
      const payload = { text: 'Größe 数据 "quoted"', list: [1, null, true], deep: { x: 0.1 } };
      await port.add(q, { id: 'job_a', payload });
      expect(await port.get(q, 'job_a')).toMatchObject({ id: 'job_a', state: 'waiting', payload, attempt: 0 });
      expect(await port.counts(q)).toEqual({ waiting: 1, delayed: 0, active: 0, 'waiting-children': 0, paused: false });
      const seen: ConsumedJob[] = [];
      consume(q, async (job) => void seen.push(job));
      await gone(q, 'job_a');
      expect(seen.map((j) => [j.id, j.payload, j.attempt])).toEqual([['job_a', payload, 1]]);
      expect(await port.get(q, 'job_a')).toBeUndefined();
    });

    it('takes higher priority first, equal priority in order of adding', async () => {
      const q = fresh();
      await port.addBulk(q, [
        { id: 'a0', payload: 0 },
        { id: 'b5', payload: 0, priority: 5 },
        { id: 'c0', payload: 0 },
        { id: 'd1000', payload: 0, priority: 1000 },
        { id: 'e5', payload: 0, priority: 5 },
      ]);
      const order: string[] = [];
      consume(q, async (job) => void order.push(job.id));
      await gone(q, 'a0', 'b5', 'c0', 'd1000', 'e5');
      expect(order).toEqual(['d1000', 'b5', 'e5', 'a0', 'c0']);
    });

    it('adds a bulk whole, and an id that is in the queue only once', async () => {
      const q = fresh();
      const ids = Array.from({ length: 300 }, (_, i) => `n${i}`);
      await port.addBulk(
        q,
        ids.map((id) => ({ id, payload: id })),
      );
      await port.add(q, { id: 'n7', payload: 'again' });
      expect((await port.counts(q)).waiting).toBe(300);
      expect((await port.get(q, 'n7'))?.payload).toBe('n7');
      expect(await port.missing(q, ['n1', 'other', 'n299'])).toEqual(['other']);
    });

    it('holds a delayed job back until its time', async () => {
      const q = fresh();
      const added = Date.now();
      await port.add(q, { id: 'later', payload: 0, delayMs: 700 });
      await port.add(q, { id: 'now', payload: 0 });
      expect((await port.get(q, 'later'))?.state).toBe('delayed');
      const at: Record<string, number> = {};
      consume(q, async (job) => void (at[job.id] = Date.now() - added));
      await gone(q, 'later', 'now');
      expect(at['now']).toBeLessThan(at['later'] as number);
      expect(at['later']).toBeGreaterThanOrEqual(690);
    });

    it('repeats a retryable failure with growing delays, as often as attempts allow', async () => {
      const q = fresh();
      const starts: number[] = [];
      const announced: (number | undefined)[] = [];
      consume(q, async (job) => {
        starts.push(Date.now());
        expect(job.attempt).toBe(starts.length);
        const error = new StrataError('unavailable', 'not now');
        announced.push(job.retryIn(error));
        throw error;
      });
      await port.add(q, { id: 'r', payload: 0, attempts: 3, backoff: { type: 'exponential', delayMs: 150 } });
      await gone(q, 'r');
      expect(announced).toEqual([150, 300, undefined]);
      const [a, b, c] = starts as [number, number, number];
      expect(starts).toHaveLength(3);
      expect(b - a).toBeGreaterThanOrEqual(145);
      expect(c - b).toBeGreaterThanOrEqual(295);
    });

    it('does not repeat what cannot succeed', async () => {
      const q = fresh();
      let runs = 0;
      consume(q, async (job) => {
        runs++;
        const error = job.payload === 'ours' ? new StrataError('invalid_data', 'line 3') : new TypeError('a bug');
        expect(job.retryIn(error)).toBeUndefined();
        throw error;
      });
      await port.add(q, { id: 'x', payload: 'ours', attempts: 5 });
      await port.add(q, { id: 'y', payload: 'bug', attempts: 5 });
      await gone(q, 'x', 'y');
      expect(runs).toBe(2);
    });

    it('removes a job that waits, and says so of one that runs or is not there', async () => {
      const q = fresh();
      const state = { started: false, release: () => {} };
      const wait = new Promise<void>((r) => (state.release = r));
      consume(q, async () => {
        state.started = true;
        await wait;
      });
      await port.add(q, { id: 'runs', payload: 0 });
      await until('the start', () => state.started);
      await port.add(q, { id: 'waits', payload: 0 });
      await port.add(q, { id: 'sleeps', payload: 0, delayMs: 60_000 });
      expect(await port.remove(q, 'waits')).toBe('removed');
      expect(await port.remove(q, 'sleeps')).toBe('removed');
      expect(await port.remove(q, 'runs')).toBe('active');
      expect(await port.remove(q, 'unknown')).toBe('missing');
      state.release();
      await gone(q, 'runs');
      expect(await port.counts(q)).toMatchObject({ waiting: 0, delayed: 0, active: 0 });
    });

    it('aborts a running job through its signal', async () => {
      const q = fresh();
      let reason: unknown;
      let started = false;
      const consumer = consume(q, async (job) => {
        started = true;
        await once(job.signal, 'abort');
        reason = job.signal.reason;
        throw new StrataError('job_cancelled', 'cancelled');
      });
      await port.add(q, { id: 'c', payload: 0, attempts: 3 });
      await until('the start', () => started);
      expect(consumer.abort('other')).toBe(false);
      expect(consumer.abort('c', 'by the user')).toBe(true);
      await gone(q, 'c');
      expect(reason).toBe('by the user');
    });

    it('adds an id again once it has ended, and with requeue tells when it still runs', async () => {
      const q = fresh();
      const seen: unknown[] = [];
      const state = { release: () => {} };
      const wait = new Promise<void>((r) => (state.release = r));
      await port.add(q, { id: 'j', payload: 1 });
      await port.add(q, { id: 'j', payload: 2, requeue: true });
      consume(q, async (job) => {
        seen.push(job.payload);
        if (job.payload === 2) await wait;
      });
      await until('the start', () => seen.length === 1);
      await port.add(q, { id: 'j', payload: 3 }); // idempotent: the same job
      const refusal = await port.add(q, { id: 'j', payload: 4, requeue: true }).catch((e: unknown) => e);
      expect(isStrataError(refusal) && [refusal.code, refusal.retryable]).toEqual(['conflict', true]);
      state.release();
      await gone(q, 'j');
      await port.add(q, { id: 'j', payload: 5, requeue: true });
      await until('the second run', () => seen.length === 2);
      expect(seen).toEqual([2, 5]);
    });

    it('keeps one job for a deduplication key while it is in the queue', async () => {
      const q = fresh();
      const seen: string[] = [];
      await port.add(q, { id: 'd1', payload: 0, dedupe: 'same' });
      await port.add(q, { id: 'd2', payload: 0, dedupe: 'same' });
      await port.add(q, { id: 'd3', payload: 0, dedupe: 'other' });
      expect(await port.missing(q, ['d1', 'd2', 'd3'])).toEqual(['d2']);
      consume(q, async (job) => void seen.push(job.id));
      await gone(q, 'd1', 'd3');
      await port.add(q, { id: 'd4', payload: 0, dedupe: 'same' });
      await gone(q, 'd4');
      expect(seen).toEqual(['d1', 'd3', 'd4']);
    });

    it('runs children before their parent, across queues, and gives it their results', async () => {
      const [q, children] = [fresh(), fresh()];
      const order: string[] = [];
      let results: Record<string, unknown> = {};
      consume(children, async (job) => {
        order.push(job.id);
        return { from: job.id };
      });
      consume(q, async (job) => {
        order.push(job.id);
        results = await job.children();
      });
      await port.addFlow({
        queue: q,
        item: { id: 'parent', payload: 0 },
        children: [
          { queue: children, item: { id: 'late', payload: 0, delayMs: 300 } },
          {
            queue: children,
            item: { id: 'middle', payload: 0 },
            children: [{ queue: children, item: { id: 'leaf', payload: 0 } }],
          },
        ],
      });
      expect((await port.get(q, 'parent'))?.state).toBe('waiting-children');
      await gone(q, 'parent');
      expect(order.at(-1)).toBe('parent');
      expect(order.indexOf('leaf')).toBeLessThan(order.indexOf('middle'));
      expect(results).toEqual({ late: { from: 'late' }, middle: { from: 'middle' } });
    });

    it('fails the parent of a child that fails for good', async () => {
      const q = fresh();
      const ran: string[] = [];
      const failed: [string, unknown][] = [];
      consume(
        q,
        async (job) => {
          ran.push(job.id);
          throw new StrataError('invalid_data', 'broken');
        },
        { onFailed: (job, error) => failed.push([job.id, isStrataError(error) && error.code]) },
      );
      await port.addFlow({
        queue: q,
        item: { id: 'p', payload: 0 },
        children: [{ queue: q, item: { id: 'c', payload: 0 } }],
      });
      await gone(q, 'p', 'c');
      await until('the report', () => failed.length === 1);
      expect(ran).toEqual(['c']);
      expect(failed).toEqual([['p', 'parent_failed']]);
    });

    it('takes nothing while paused', async () => {
      const q = fresh();
      const seen: string[] = [];
      await port.pause(q);
      consume(q, async (job) => void seen.push(job.id));
      await port.add(q, { id: 'p', payload: 0 });
      await sleep(400);
      expect(seen).toEqual([]);
      expect(await port.counts(q)).toMatchObject({ waiting: 1, paused: true });
      await port.resume(q);
      await gone(q, 'p');
      expect(seen).toEqual(['p']);
    });

    it('lets a consumer stop taking jobs and take them again', async () => {
      const q = fresh();
      const seen: string[] = [];
      const consumer = consume(q, async (job) => void seen.push(job.id));
      await consumer.pause();
      await port.add(q, { id: 'x', payload: 0 });
      await sleep(300);
      expect(seen).toEqual([]);
      consumer.resume();
      await gone(q, 'x');
    });

    it('limits the rate over all consumers', async () => {
      const q = fresh();
      const at: number[] = [];
      await port.rateLimit(q, { max: 2, perMs: 500 });
      await port.addBulk(
        q,
        Array.from({ length: 5 }, (_, i) => ({ id: `l${i}`, payload: 0 })),
      );
      const handler: JobHandler = async () => void at.push(Date.now());
      const began = Date.now();
      consume(q, handler);
      consume(q, handler);
      await gone(q, 'l0', 'l1', 'l2', 'l3', 'l4');
      // 2 + 2 + 1 jobs: the last one begins in the third window; counted from before the first, in which a busy machine may begin late
      expect((at.at(-1) as number) - began).toBeGreaterThanOrEqual(900);
      await port.rateLimit(q, null);
      await port.addBulk(
        q,
        Array.from({ length: 20 }, (_, i) => ({ id: `m${i}`, payload: 0 })),
      );
      await gone(q, ...Array.from({ length: 20 }, (_, i) => `m${i}`));
    });

    it('runs jobs at the same time, up to its concurrency', async () => {
      const q = fresh();
      let running = 0;
      let most = 0;
      consume(
        q,
        async () => {
          most = Math.max(most, ++running);
          await sleep(100);
          running--;
        },
        { concurrency: 3 },
      );
      const ids = Array.from({ length: 9 }, (_, i) => `k${i}`);
      await port.addBulk(
        q,
        ids.map((id) => ({ id, payload: 0 })),
      );
      await gone(q, ...ids);
      expect(most).toBe(3);
    });

    /** A consumer in a process of its own; its lines come in as they are written. */
    const holder = (queue: string, mode: 'hold' | 'freeze'): { child: ChildProcess; lines: string[] } => {
      const file = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
      // from TypeScript sources: tests need no build
      const source = ['--conditions', '@strata/source', '--import', file('../../../../tools/ts-register.mjs')];
      const args = [...source, file('holder.ts'), JSON.stringify(server.config), queue, mode];
      const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
      const lines: string[] = [];
      child.stdout.on('data', (d: Buffer) => lines.push(...String(d).trim().split('\n')));
      return { child, lines };
    };

    it('gives the job of a killed process to another consumer', async () => {
      const q = fresh();
      await port.add(q, { id: 'kill', payload: { n: 1 } });
      const { child, lines } = holder(q, 'hold');
      await until('the start', () => lines.includes('started kill'));
      expect((await port.get(q, 'kill'))?.state).toBe('active');
      child.kill('SIGKILL');
      await once(child, 'exit');
      let taken: ConsumedJob | undefined;
      consume(q, async (job) => void (taken = job), { lockMs: 1000, stalledMs: 300 });
      await gone(q, 'kill');
      expect(taken).toMatchObject({ id: 'kill', attempt: 2, payload: { n: 1 } });
    }, 30_000);

    it('aborts a job whose lock another consumer took while its process stood still', async () => {
      const q = fresh();
      await port.add(q, { id: 'slow', payload: 0 });
      const { child, lines } = holder(q, 'freeze');
      await until('the start', () => lines.includes('started slow'));
      let attempt = 0;
      consume(q, async (job) => void (attempt = job.attempt), { lockMs: 1000, stalledMs: 300 });
      await until('the second run', () => attempt === 2);
      await until('the abort', () => lines.includes('aborted slow'));
      child.kill('SIGKILL');
      await once(child, 'exit');
    }, 30_000);

    it('refuses an id that the backend could take for something else', async () => {
      const q = fresh();
      for (const id of ['', 'a:b', '17', 'delayed', 'meta', 'x'.repeat(200)]) {
        const e = await port.add(q, { id, payload: 0 }).catch((error: unknown) => error);
        expect(isStrataError(e) && e.code).toBe('invalid_request');
      }
      expect((await port.counts(q)).waiting).toBe(0);
    });

    it('delivers messages to all subscribers, in order, whatever their size', async () => {
      const other = createQueue(server.config);
      const big = '数据'.repeat(40_000);
      const got: string[][] = [[], [], []];
      const stops = await Promise.all([
        port.subscribe('strata.a', (m) => got[0]?.push(m)),
        other.subscribe('strata.a', (m) => got[1]?.push(m)),
        other.subscribe('strata.b', (m) => got[2]?.push(m)),
      ]);
      const sent = ['1', '1', '', 'x'.repeat(7900), big, ...Array.from({ length: 50 }, (_, i) => `m${i}`)];
      await Promise.all(sent.map((m) => port.publish('strata.a', m)));
      await until('all messages', () => got[0]?.length === sent.length && got[1]?.length === sent.length);
      expect(got[0]).toEqual(sent);
      expect(got[1]).toEqual(sent);
      expect(got[2]).toEqual([]);
      await Promise.all(stops.map((stop) => stop()));
      await port.publish('strata.a', 'nobody');
      await sleep(100);
      expect(got[0]).toHaveLength(sent.length);
      await other.close();
    });

    it('lives through a restart of the server', async () => {
      const q = fresh();
      const seen = new Set<string>();
      const messages: string[] = [];
      let gaps = 0;
      await port.subscribe(
        'strata.r',
        (m) => messages.push(m),
        () => gaps++,
      );
      consume(q, async (job) => void seen.add(job.id));
      await port.add(q, { id: 'before', payload: 0 });
      await gone(q, 'before');
      await server.restart();
      const tried: unknown[] = [];
      await until('the server', () =>
        port.check().then(
          () => true,
          (e: unknown) => (tried.push(e), false),
        ),
      );
      for (const e of tried) expect(isStrataError(e) && e.code).toBe('unavailable');
      await until('the subscription', async () => {
        await port.publish('strata.r', 'after').catch(() => undefined);
        return gaps > 0 && messages.includes('after');
      });
      await port.add(q, { id: 'after', payload: 0 });
      await until('the job', () => seen.has('after'));
    }, 60_000);

    it('says that the server is away, and goes on when it is back', async () => {
      const q = fresh();
      const away = createQueue(
        server.config.backend === 'redis'
          ? { backend: 'redis', url: 'redis://127.0.0.1:1' }
          : { backend: 'postgres', connectionString: 'postgres://nobody@127.0.0.1:1/none' },
      );
      const e = await away.add(q, { id: 'a', payload: 0 }).catch((error: unknown) => error);
      expect(isStrataError(e) && [e.code, e.retryable]).toEqual(['unavailable', true]);
      await away.close();
    }, 20_000);

    it('waits for running jobs when it closes, unless it is forced', async () => {
      const q = fresh();
      let ended = false;
      let started = false;
      const consumer = createConsumer(server.config, q, async () => {
        started = true;
        await sleep(400);
        ended = true;
      });
      await port.add(q, { id: 'w', payload: 0 });
      await until('the start', () => started);
      await consumer.close();
      expect(ended).toBe(true);
      await gone(q, 'w');
    });
  });
}
