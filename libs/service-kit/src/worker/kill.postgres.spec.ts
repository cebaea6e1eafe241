import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { newRecords, TOKEN, type ControlServer, type Records } from '../testing/control-server.js';
import type { HostProgramOptions } from '../testing/host-program.js';
import { SOURCE_ARGV, program, testEnvironment } from '../testing/source.js';
import { until } from '../testing/until.js';
import { ended, endsOf, eventsOf, numbers, stepsOf } from '../testing/records.js';
import { startRig, type Rig } from '../testing/worker-rig.js';

jest.setTimeout(120_000);

let rig: Rig;
let records: Records;
let gateway: ControlServer;
const hosts: ChildProcess[] = [];
beforeAll(async () => {
  rig = await startRig();
  records = newRecords();
  gateway = await rig.gateway(records, { ackEvery: 7 });
});
afterEach(async () => {
  for (const h of hosts.splice(0)) {
    if (h.exitCode !== null || h.signalCode !== null) continue;
    h.kill('SIGTERM');
    await once(h, 'exit');
  }
});
afterAll(async () => {
  await gateway.stop();
  await rig.stop();
});

async function startHost(name: string): Promise<{ process: ChildProcess; workerId: string }> {
  const options: HostProgramOptions = {
    queue: 'train',
    version: '0',
    queueConfig: rig.queueConfig,
    artifacts: rig.artifacts,
    control: { address: `127.0.0.1:${gateway.port}`, token: TOKEN },
    child: { entry: program('child-program'), execArgv: SOURCE_ARGV, env: testEnvironment() },
    dataDir: rig.folder(name),
    concurrency: 1,
    threads: 1,
    memoryMb: 1_000,
    cacheMb: 100,
    checkpointIntervalS: 1e6,
    drainS: 10,
    heartbeatMs: 500,
    lockMs: 2_000,
    stalledMs: 500,
  };
  const host = spawn(process.execPath, [...SOURCE_ARGV, program('host-program'), JSON.stringify(options)], {
    env: testEnvironment(),
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  hosts.push(host);
  const [line] = (await once(host.stdout.setEncoding('utf8'), 'data')) as [string];
  return { process: host, workerId: line.trim() };
}

const alive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};
/** Process of the run that began last. */
const childOf = (id: string): number => {
  const pids = eventsOf(records, id).flatMap((e) => (e.body.type === 'log' ? [Number(e.body.fields?.['pid'])] : []));
  return pids.at(-1) ?? 0;
};
const outputs = async (id: string, n: number) => {
  const end = (await ended(records, id, n))[n - 1];
  if (end?.type !== 'succeeded') throw new Error(`it ended as ${JSON.stringify(end)}`);
  return end;
};

// long enough that they are still running when a busy machine gets around to killing them
const params = { steps: 150, step_ms: 30, save_every: 10 };
/** The result does not depend on the time that a step takes. */
const hurried = { ...params, step_ms: 0 };

describe('killed by SIGKILL in the middle of a run', () => {
  it('child: the job goes on from its checkpoint and ends with the result of an undisturbed run', async () => {
    await startHost('child-killed');
    const whole = await rig.submit('test/count', hurried);
    const undisturbed = await outputs(whole, 1);
    const id = await rig.submit('test/count', params);
    await until('step 40', () => stepsOf(records, id).includes(40));
    process.kill(childOf(id), 'SIGKILL');
    const end = await outputs(id, 2);
    expect(endsOf(records, id)[0]).toMatchObject({ failure: { code: 'worker_crashed' }, will_retry: true });
    expect(end.result['resumed_at']).toBeGreaterThanOrEqual(30);
    expect(end.result['sum']).toBe(undisturbed.result['sum']);
    expect(end.outputs).toEqual(undisturbed.outputs);
  });

  it('worker: its child ends with it, the next worker goes on, and no event is lost or doubled', async () => {
    const first = await startHost('host-killed');
    const whole = await rig.submit('test/count', hurried);
    const undisturbed = await outputs(whole, 1);
    const id = await rig.submit('test/count', params);
    await until('step 40', () => stepsOf(records, id).includes(40));
    const child = childOf(id);
    first.process.kill('SIGKILL');
    await until('the orphan ends', () => !alive(child));
    expect(endsOf(records, id)).toEqual([]);
    const reached = Math.max(...stepsOf(records, id));
    const second = await startHost('host-killed');
    // the folder of the dead one, with what it had not delivered
    expect(second.workerId).toBe(first.workerId);
    const end = await outputs(id, 1);
    expect(end.result['sum']).toBe(undisturbed.result['sum']);
    expect(end.outputs).toEqual(undisturbed.outputs);
    const resumed = Number(end.result['resumed_at']);
    expect(resumed).toBeGreaterThanOrEqual(30);
    // what the killed run told, as far as it was told; then every step from the checkpoint on, under the next attempt
    const by = (attempt: number): number[] =>
      eventsOf(records, id).flatMap((e) => (e.attempt === attempt && e.body.type === 'metrics' ? [e.body.step] : []));
    expect(by(1)).toEqual(numbers(1, by(1).length));
    expect(by(1).length).toBeGreaterThanOrEqual(reached);
    expect(by(2)).toEqual(numbers(resumed + 1, params.steps));
    const seqs = records.events.flatMap((e) => (e.workerId === first.workerId ? [e.seq] : []));
    expect(seqs).toEqual(numbers(1, seqs.length));
    await rig.gone(id);
  });

  it('worker that stood still for longer than its lease: its successor ends the job, and it gives its own run up', async () => {
    const first = await startHost('frozen');
    const slow = { ...params, steps: 300 };
    const id = await rig.submit('test/count', slow);
    await until('step 30', () => stepsOf(records, id).includes(30));
    const child = childOf(id);
    first.process.kill('SIGSTOP');
    const second = await startHost('successor');
    await until('the job runs there', () => eventsOf(records, id).some((e) => e.workerId === second.workerId));
    first.process.kill('SIGCONT');
    await until('the first run ends', () => !alive(child));
    expect(first.process.exitCode).toBeNull();
    const end = await outputs(id, 1);
    const by = eventsOf(records, id).find((e) => e.body.type === 'succeeded');
    expect(by).toMatchObject({ workerId: second.workerId, attempt: 2 });
    const whole = await rig.submit('test/count', { ...slow, step_ms: 0 });
    expect(end.outputs).toEqual((await outputs(whole, 1)).outputs);
    // and it is of use again
    const next = await rig.submit('test/light');
    const after = await rig.submit('test/light');
    for (const job of [next, after]) await outputs(job, 1);
  });

  it('worker, right after its job’s end was recorded: the end stands, once, and the job leaves the queue', async () => {
    // killed as soon as the end is recorded: the queue may or may not have heard of it
    const first = await startHost('host-killed-late');
    const id = await rig.submit('test/count', { steps: 20, step_ms: 1, save_every: 5 });
    const [end] = await ended(records, id);
    first.process.kill('SIGKILL');
    await once(first.process, 'exit');
    // as a gateway does: a job that has ended is not granted again
    records.denied.set(id, 'succeeded');
    await startHost('host-killed-late');
    await rig.gone(id);
    expect(endsOf(records, id)).toEqual([end]);
  });
});
