import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, describe, expect, it } from '@jest/globals';
import { createArtifactStore } from '@strata/artifacts';
import type { JobSpec } from '@strata/contracts';
import type { Outcome, ReportedEvent } from '../child/ipc.js';
import { SOURCE_ARGV, program, testEnvironment } from '../testing/source.js';
import { until } from '../testing/until.js';
import { startChild, type Child } from './child-process.js';
import { createChildPool } from './child-pool.js';
import { discoverDevices } from './devices.js';
import { startRun, type Run } from './run.js';

const childProgram = { entry: program('child-program'), execArgv: SOURCE_ARGV, env: testEnvironment() };
const root = mkdtempSync(path.join(os.tmpdir(), 'strata-run-'));
const artifacts = { kind: 'folder' as const, dir: path.join(root, 'artifacts') };
const store = createArtifactStore(artifacts);
const children: Child[] = [];
afterEach(() => {
  for (const c of children.splice(0)) c.kill();
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

let jobs = 0;
const specOf = (recipe: string, params: Record<string, unknown> = {}, more: Partial<JobSpec> = {}): JobSpec => ({
  job_id: `job_${++jobs}`,
  tenant_id: 'tnt_1',
  request_id: 'req_1',
  recipe,
  params,
  inputs: {},
  seed: 42,
  device: 'cpu',
  limits: { attempts: 1 },
  ...more,
});

interface Started {
  readonly run: Run;
  readonly child: Child;
  readonly events: ReportedEvent[];
  readonly began: Promise<void>;
}

function start(
  spec: JobSpec,
  more: { heapMb?: number; memoryMb?: number; attempt?: number; child?: Child } = {},
): Started {
  const child = more.child ?? startChild(childProgram, more.heapMb ?? 512);
  children.push(child);
  const events: ReportedEvent[] = [];
  let run: Run | undefined;
  const began = new Promise<void>((resolve) => {
    run = startRun(child, {
      memoryMb: more.memoryMb ?? 2_000,
      timeS: spec.limits.time_s,
      onStarted: resolve,
      onEvents: (e) => events.push(...e),
      message: {
        type: 'run',
        spec,
        attempt: more.attempt ?? 1,
        artifacts,
        cacheDir: path.join(root, 'cache'),
        workDir: path.join(root, 'work', spec.job_id),
        device: { kind: 'cpu', name: 'test', features: [] },
        threads: 1,
        checkpointIntervalMs: 1e9,
      },
    });
  });
  return { run: run as unknown as Run, child, events, began };
}
const outcomeOf = (spec: JobSpec, more: Parameters<typeof start>[1] = {}): Promise<Outcome> =>
  start(spec, more).run.outcome;

const failure = async (spec: JobSpec, more: Parameters<typeof start>[1] = {}) => {
  const outcome = await outcomeOf(spec, more);
  if (outcome.type !== 'failed') throw new Error(`it ended as ${JSON.stringify(outcome)}`);
  return outcome.failure;
};

/** The same job without the time that its steps take: its result does not depend on that. */
const hurried = (spec: JobSpec): JobSpec => ({ ...spec, params: { ...spec.params, step_ms: 0 } });

describe('a run in a child process', () => {
  it('ends with result and outputs', async () => {
    const outcome = await outcomeOf(specOf('test/count', { steps: 5, step_ms: 0 }));
    expect(outcome).toMatchObject({
      type: 'succeeded',
      result: { resumed_at: 0 },
      outputs: { numbers: { kind: 'report' } },
    });
  });

  it.each([
    ['exception', 'ended with code 1', /Cannot read properties of undefined/],
    ['exit', 'ended with code 7', /the last words/],
    ['abort', 'SIGABRT', /the last words/],
    ['segv', 'SIGSEGV', /the last words/],
    ['kill', 'SIGKILL', /the last words/],
  ])('that dies of %s is a structured, retryable failure with its last words', async (of, how, words) => {
    const f = await failure(specOf('test/die', { of }));
    expect(f).toMatchObject({ code: 'worker_crashed', retryable: true });
    expect(f.message).toContain(how);
    expect(f.message).toMatch(words);
  });

  it('is ended when its memory outside the JavaScript heap passes the limit', async () => {
    const f = await failure(specOf('test/memory', { kind: 'native' }), { memoryMb: 400 });
    expect(f).toMatchObject({ code: 'out_of_memory', retryable: false });
    expect(f.message).toContain('400 MiB');
  });

  it('is ended when its JavaScript heap passes the limit', async () => {
    const f = await failure(specOf('test/memory', { kind: 'heap' }), { heapMb: 100 });
    expect(f).toMatchObject({ code: 'out_of_memory', retryable: false });
  });

  it('is ended when its time is over, also while its thread is blocked', async () => {
    const f = await failure(specOf('test/blocked', {}, { limits: { attempts: 1, time_s: 1 } }));
    expect(f).toMatchObject({ code: 'job_timeout', retryable: false });
  });

  it('is cancelled while its thread is blocked in a native call', async () => {
    const { run, events, child } = start(specOf('test/blocked'));
    await until('it blocks', () => events.some((e) => e.type === 'log'));
    await new Promise((resolve) => setTimeout(resolve, 300));
    run.cancel();
    expect(await run.outcome).toEqual({ type: 'cancelled' });
    expect((await child.exited).signal).toBe('SIGKILL');
  });

  it('is cancelled by its own hand when it listens', async () => {
    const { run, began, child } = start(specOf('test/count', { steps: 1e6 }));
    await began;
    run.cancel();
    expect(await run.outcome).toEqual({ type: 'cancelled' });
    expect(child.alive).toBe(true);
  });

  it('pauses at a checkpoint and goes on from it elsewhere, with the result of an undisturbed run', async () => {
    const whole = await outcomeOf(specOf('test/count', { steps: 40, step_ms: 0, save_every: 1000 }));
    // long enough that it is still running when a busy machine gets around to pausing it
    const spec = specOf('test/count', { steps: 40, step_ms: 100, save_every: 1000 });
    const first = start(spec);
    await until('some steps', () => first.events.some((e) => e.type === 'metrics'));
    first.run.pause();
    const paused = await first.run.outcome;
    expect(paused).toMatchObject({ type: 'paused' });
    const step = paused.type === 'paused' ? paused.step : 0;
    expect(step).toBeGreaterThan(0);
    expect(step).toBeLessThan(40);
    const second = await outcomeOf(hurried(spec), { attempt: 2 });
    if (second.type !== 'succeeded' || whole.type !== 'succeeded') throw new Error(JSON.stringify([second, whole]));
    expect(second.result['resumed_at']).toBe(step);
    expect(second.result['sum']).toBe(whole.result['sum']);
    expect(second.outputs).toEqual(whole.outputs);
  });

  it('goes on from its last checkpoint when it was killed', async () => {
    const whole = await outcomeOf(specOf('test/count', { steps: 40, step_ms: 0 }));
    const spec = specOf('test/count', { steps: 40, step_ms: 100, save_every: 7 });
    const first = start(spec);
    await until('a checkpoint', () => first.events.some((e) => e.type === 'checkpoint'));
    process.kill(first.child.pid, 'SIGKILL');
    expect(await first.run.outcome).toMatchObject({ type: 'failed', failure: { code: 'worker_crashed' } });
    const second = await outcomeOf(hurried(spec), { attempt: 2 });
    if (second.type !== 'succeeded' || whole.type !== 'succeeded') throw new Error(JSON.stringify([second, whole]));
    expect(second.result['resumed_at']).toBeGreaterThan(0);
    expect(second.outputs).toEqual(whole.outputs);
  });

  it('cannot overwrite the checkpoint of the attempt that took over', async () => {
    const spec = specOf('test/count', { steps: 3, step_ms: 0 });
    await outcomeOf(spec, { attempt: 5 });
    expect(await failure({ ...spec, params: { steps: 5 } }, { attempt: 4 })).toMatchObject({ code: 'conflict' });
  });

  it('tells a recipe’s own error with its place, and an unforeseen one as internal', async () => {
    expect(await failure(specOf('test/wrong'))).toEqual({
      code: 'invalid_data',
      message: 'line 3 is broken',
      retryable: false,
      where: { line: 3, column: 'age' },
    });
    expect(await failure(specOf('test/wrong', { code: 'none' }))).toMatchObject({ code: 'internal', retryable: false });
    expect(await failure(specOf('test/count', { stepz: 1 }))).toMatchObject({
      code: 'invalid_parameter',
      where: { field: 'params.stepz' },
    });
    expect(await failure(specOf('test/none'))).toMatchObject({ code: 'unknown_recipe' });
  });

  it('gets its inputs as files, a seed and threads, and none of the settings of the service', async () => {
    const file = await store.put(Buffer.from('a,b\n1,2\n'));
    const format = { format: 'csv' as const, delimiter: ',', header: true, columns: [], rows: 1, missing_values: [] };
    const spec = specOf('test/look', {}, { inputs: { data: { kind: 'dataset', id: 'ds_1', file, format } } });
    const outcome = await outcomeOf(spec);
    expect(outcome).toMatchObject({ type: 'succeeded', result: { bytes: 8, threads: 1, seed: 42 } });
    if (outcome.type === 'succeeded') expect(outcome.result['env']).not.toContain('SERVICE_TOKEN');
    expect(await failure(specOf('test/look'))).toMatchObject({
      code: 'invalid_input',
      where: { field: 'inputs.data' },
    });
  });

  it('keeps every metric in order, the latest progress, and a limited number of log lines', async () => {
    const { run, events } = start(specOf('test/chatty'));
    expect(await run.outcome).toMatchObject({ type: 'succeeded' });
    const steps = events.flatMap((e) => (e.type === 'metrics' ? [e.step] : []));
    expect(steps).toEqual(Array.from({ length: 5_000 }, (_, i) => i + 1));
    const progress = events.flatMap((e) => (e.type === 'progress' ? [e.progress] : []));
    expect(progress.at(-1)).toMatchObject({ step: 5_000, fraction: 1 });
    expect(progress.length).toBeLessThan(500);
    const lines = events.filter((e) => e.type === 'log');
    expect(lines.length).toBeGreaterThan(0);
    expect(lines.length).toBeLessThan(1_000);
  });
});

describe('the pool of children', () => {
  it('gives a started process at once, light jobs the same one again, and starts a new one after a crash', async () => {
    const pool = createChildPool(childProgram, 512);
    pool.refill();
    const before = pool.pids();
    const first = pool.take(true);
    expect(before).toEqual([first.pid]);
    const one = await outcomeOf(specOf('test/light'), { child: first });
    pool.giveBack(first);
    expect(pool.take(true)).toBe(first);
    const two = await outcomeOf(specOf('test/light'), { child: first });
    expect(two).toEqual(one);
    pool.giveBack(first);
    // a job that is not light never gets a used process
    const heavy = pool.take(false);
    expect(heavy).not.toBe(first);
    process.kill(first.pid, 'SIGKILL');
    await first.exited;
    expect(pool.take(true).pid).not.toBe(first.pid);
    await pool.close();
    expect(pool.pids()).toEqual([]);
  });

  it('does not fork without end when the program is broken', async () => {
    const pool = createChildPool({ ...childProgram, entry: '/nowhere/child.js' }, 512);
    pool.refill();
    await until('the broken one is gone', () => pool.pids().length === 0);
    pool.refill();
    expect(pool.pids()).toEqual([]);
    expect(await failure(specOf('test/light'), { child: pool.take(false) })).toMatchObject({ code: 'worker_crashed' });
    await pool.close();
  });
});

describe('device discovery', () => {
  it('asks a child, and falls back to the processor when the child dies', async () => {
    const failures: string[] = [];
    const asked = await discoverDevices(childProgram, (why) => failures.push(why));
    expect(asked).toEqual([{ kind: 'cpu', name: 'found by the child', threads: 2, features: [] }]);
    const fallen = await discoverDevices({ ...childProgram, entry: '/nowhere.js' }, (why) => failures.push(why));
    expect(fallen).toMatchObject([{ kind: 'cpu' }]);
    expect(failures).toHaveLength(1);
  });
});
