import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { control } from '@strata/contracts/grpc';
import { freePort } from '@strata/devstack';
import { readPointer } from '../child/checkpoint.js';
import { newRecords, type ControlServer, type Records } from '../testing/control-server.js';
import { until } from '../testing/until.js';
import { ended, endsOf, eventsOf, numbers, stepsOf } from '../testing/records.js';
import { QUEUE, specOf, startRig, type Rig } from '../testing/worker-rig.js';
import type { WorkerHost } from './host.js';

jest.setTimeout(60_000);

const { Command_Kind } = control;
let rig: Rig;
beforeAll(async () => {
  rig = await startRig();
});
afterAll(() => rig.stop());

describe('a worker with a gateway', () => {
  let records: Records;
  let gateway: ControlServer;
  let host: WorkerHost;
  beforeAll(async () => {
    records = newRecords();
    gateway = await rig.gateway(records);
    host = await rig.host('one', gateway.port);
  });
  afterAll(async () => {
    await host.stop();
    await gateway.stop();
  });

  it('says who it is and what it can run', async () => {
    await until('a heartbeat', () => gateway.heartbeats.length > 1);
    expect(gateway.hellos[0]).toMatchObject({ workerId: host.workerId, queue: 'train', concurrency: 2, running: [] });
    expect(gateway.hellos[0]?.recipes).toContain('test/count');
    expect(JSON.parse(gateway.hellos[0]?.devicesJson ?? '')).toMatchObject([{ name: 'found by the child' }]);
    expect(gateway.heartbeats[1]?.memoryBytes).toBeGreaterThan(1e7);
    expect(await host.checks()).toEqual({ artifacts: { ok: true }, gateway: { ok: true } });
  });

  it('runs a job and tells its whole course, in order, under the attempt that was claimed', async () => {
    records.attempts.set('job_course', 4);
    const id = await rig.submit('test/count', { steps: 8 }, { id: 'job_course' });
    const [end] = await ended(records, id);
    expect(end).toMatchObject({
      type: 'succeeded',
      result: { resumed_at: 0 },
      outputs: { numbers: { kind: 'report' } },
    });
    expect(stepsOf(records, id)).toEqual(numbers(1, 8));
    const events = eventsOf(records, id);
    expect(events[0]?.body.type).toBe('started');
    expect(new Set(events.map((e) => e.attempt))).toEqual(new Set([5]));
    await rig.gone(id);
    await until('its checkpoint is deleted', async () => (await readPointer(rig.store, id)) === undefined);
  });

  it('retries a job whose process died, as often as it may', async () => {
    const saved = await rig.submit('test/die', { of: 'abort', spare: 2 });
    const lost = await rig.submit('test/die', { of: 'kill' });
    const wrong = await rig.submit('test/wrong');
    expect(await ended(records, saved, 2)).toMatchObject([
      { type: 'failed', failure: { code: 'worker_crashed' }, will_retry: true, retry_in_ms: 20 },
      { type: 'succeeded', result: { lived: 2 } },
    ]);
    expect(await ended(records, lost, 3)).toMatchObject([
      { will_retry: true },
      { will_retry: true },
      { type: 'failed', will_retry: false },
    ]);
    // not retryable: once is enough
    expect(await ended(records, wrong)).toMatchObject([{ failure: { code: 'invalid_data' }, will_retry: false }]);
    for (const id of [saved, lost, wrong]) await rig.gone(id);
    expect(endsOf(records, wrong)).toHaveLength(1);
  });

  it('cancels a job whose thread is blocked', async () => {
    const id = await rig.submit('test/blocked');
    await until('it blocks', () => eventsOf(records, id).some((e) => e.body.type === 'log'));
    gateway.command(Command_Kind.CANCEL, id);
    expect(await ended(records, id)).toEqual([{ type: 'cancelled' }]);
    await rig.gone(id);
  });

  it('pauses a job at a checkpoint; enqueued again it goes on, with the result of an undisturbed run', async () => {
    const params = { steps: 60, step_ms: 0, save_every: 1000 };
    // long enough that it is still running when a busy machine gets around to pausing it
    const id = await rig.submit('test/count', { ...params, step_ms: 100 });
    await until('some steps', () => stepsOf(records, id).length > 5);
    gateway.command(Command_Kind.PAUSE, id);
    const [paused] = await ended(records, id);
    if (paused?.type !== 'paused') throw new Error(JSON.stringify(paused));
    await rig.gone(id);
    await rig.submit('test/count', params, { id });
    const whole = await rig.submit('test/count', params);
    const [, end] = await ended(records, id, 2);
    const [undisturbed] = await ended(records, whole);
    if (end?.type !== 'succeeded' || undisturbed?.type !== 'succeeded') throw new Error(JSON.stringify([end]));
    expect(end.result['resumed_at']).toBe(paused.step);
    expect(end.outputs).toEqual(undisturbed.outputs);
    expect(stepsOf(records, id)).toEqual(numbers(1, 60));
  });

  it('does not run a job that the gateway denies, and lets it leave the queue', async () => {
    records.denied.set('job_denied', 'cancelled');
    await rig.submit('test/light', {}, { id: 'job_denied' });
    await rig.gone('job_denied');
    expect(eventsOf(records, 'job_denied')).toEqual([]);
  });

  it('fails a job whose recipe, device or payload it cannot serve', async () => {
    const unknown = await rig.submit('test/future');
    expect(await ended(records, unknown)).toMatchObject([{ failure: { code: 'unknown_recipe' }, will_retry: false }]);
    const payload = { ...specOf('job_gpu', 'test/light', {}), device: 'cuda' };
    await rig.queue.add(QUEUE, { id: 'job_gpu', payload });
    expect(await ended(records, 'job_gpu')).toMatchObject([{ failure: { code: 'no_device' } }]);
    await rig.queue.add(QUEUE, { id: 'job_junk', payload: { junk: true } });
    await rig.gone('job_junk');
  });

  it('refuses a second worker on its folder', async () => {
    await expect(rig.host('one', gateway.port)).rejects.toMatchObject({
      code: 'not_writable',
      message: expect.stringContaining('DATA_DIR'),
    });
  });
});

describe('a worker whose gateway comes and goes', () => {
  it('runs jobs without one, and tells everything once there is one', async () => {
    const port = await freePort();
    const records = newRecords();
    const host = await rig.host('alone', port);
    const id = await rig.submit('test/count', { steps: 10 });
    await rig.gone(id);
    expect((await host.checks())['gateway']?.ok).toBe(false);
    const gateway = await rig.gateway(records, { port });
    expect(await ended(records, id)).toMatchObject([{ type: 'succeeded' }]);
    expect(stepsOf(records, id)).toEqual(numbers(1, 10));
    expect(records.events.map((e) => e.seq)).toEqual(numbers(1, records.events.length));
    await host.stop();
    await gateway.stop();
  });

  it('loses and doubles nothing while gateways are restarted under a running job', async () => {
    const port = await freePort();
    const records = newRecords();
    let gateway = await rig.gateway(records, { port, ackEvery: 11 });
    const host = await rig.host('restarts', port);
    // a worker that tries again waits longer each time: the job must not end meanwhile
    const id = await rig.submit('test/count', { steps: 200, step_ms: 100, save_every: 1000 });
    for (const step of [20, 60]) {
      await until(`step ${step}`, () => stepsOf(records, id).length > step);
      await gateway.stop();
      await new Promise((resolve) => setTimeout(resolve, 250));
      gateway = await rig.gateway(records, { port, ackEvery: 11 });
      await until('it is attached again', () => gateway.hellos.length === 1);
      expect(gateway.hellos[0]).toMatchObject({ workerId: host.workerId, running: [id] });
    }
    expect(await ended(records, id)).toMatchObject([{ type: 'succeeded' }]);
    expect(stepsOf(records, id)).toEqual(numbers(1, 200));
    expect(records.events.map((e) => e.seq)).toEqual(numbers(1, records.events.length));
    await host.stop();
    await gateway.stop();
  });
});

describe('a worker that is told to stop', () => {
  it('sends a running job back at a checkpoint, and the next worker ends it as if nothing had happened', async () => {
    const records = newRecords();
    const gateway = await rig.gateway(records);
    const first = await rig.host('drained', gateway.port);
    const params = { steps: 80, step_ms: 60, save_every: 1000 };
    const id = await rig.submit('test/count', params, { attempts: 1 });
    await until('some steps', () => stepsOf(records, id).length > 10);
    await first.stop();
    expect(await ended(records, id)).toMatchObject([
      { type: 'failed', failure: { code: 'worker_lost', retryable: true }, will_retry: true, retry_in_ms: 0 },
    ]);
    expect(await rig.queue.get(QUEUE, id)).toMatchObject({ state: 'waiting' });
    const second = await rig.host('next', gateway.port);
    const [, end] = await ended(records, id, 2);
    const whole = await rig.submit('test/count', { ...params, step_ms: 0 });
    const [undisturbed] = await ended(records, whole);
    if (end?.type !== 'succeeded' || undisturbed?.type !== 'succeeded') throw new Error(JSON.stringify([end]));
    expect(end.result['resumed_at']).toBeGreaterThan(10);
    expect(end.outputs).toEqual(undisturbed.outputs);
    expect(stepsOf(records, id)).toEqual(numbers(1, 80));
    await second.stop();
    await gateway.stop();
  });

  it('ends a job that cannot be resumed when its time is over, and sends it back unspent', async () => {
    const records = newRecords();
    const gateway = await rig.gateway(records);
    const host = await rig.host('impatient', gateway.port, { drainS: 0.2 });
    const id = await rig.submit('test/blocked', {}, { attempts: 1 });
    await until('it blocks', () => eventsOf(records, id).some((e) => e.body.type === 'log'));
    await host.stop();
    expect(await ended(records, id)).toMatchObject([{ failure: { code: 'worker_lost' }, will_retry: true }]);
    expect(await rig.queue.get(QUEUE, id)).toMatchObject({ state: 'waiting' });
    expect(await rig.queue.remove(QUEUE, id)).toBe('removed');
    await gateway.stop();
  });
});
