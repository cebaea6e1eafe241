import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { createArtifactStore, type ArtifactStore } from '@strata/artifacts';
import type { Column, DatasetFormat, JobSpec, ResolvedInput } from '@strata/contracts';
import { startPostgres, type Postgres } from '@strata/devstack';
import { createRng } from '@strata/kernel';
import { createQueue, type QueuePort } from '@strata/queue';
import {
  SOURCE_ARGV,
  TOKEN,
  ended,
  endsOf,
  eventsOf,
  newRecords,
  startControlServer,
  testEnvironment,
  until,
  type ControlServer,
} from '@strata/service-kit/testing';

jest.setTimeout(180_000);

const root = mkdtempSync(path.join(os.tmpdir(), 'strata-trainer-'));
const records = newRecords();
const trainers: ChildProcess[] = [];
let postgres: Postgres;
let queue: QueuePort;
let store: ArtifactStore;
let gateway: ControlServer;
let train: ResolvedInput;

const ROWS = 1_200;
/** Three overlapping clouds and a name that helps: enough that training takes its time. */
async function makeData(): Promise<ResolvedInput> {
  const rng = createRng(5);
  const lines = Array.from({ length: ROWS }, (_, i) => {
    const kind = i % 3;
    const x = rng.normal() + kind;
    const y = rng.normal() - kind * 0.7;
    return `${x.toFixed(4)},${y.toFixed(4)},${['red', 'green', 'blue'][rng.int(4) === 0 ? rng.int(3) : kind]},class${kind}`;
  });
  const column = (name: string, type: Column['type'], distinct: number): Column => ({
    name,
    type,
    distinct,
    missing: 0,
    examples: [],
  });
  const format: DatasetFormat = {
    format: 'csv',
    delimiter: ',',
    header: true,
    columns: [
      column('x', 'number', ROWS),
      column('y', 'number', ROWS),
      column('colour', 'category', 3),
      column('kind', 'category', 3),
    ],
    rows: ROWS,
    missing_values: [''],
  };
  const file = await store.put(Buffer.from(`x,y,colour,kind\n${lines.join('\n')}\n`));
  return { kind: 'dataset', id: 'ds_1', file, format };
}

beforeAll(async () => {
  postgres = await startPostgres({ dataDir: path.join(root, 'pg'), durable: false });
  queue = createQueue({ backend: 'postgres', connectionString: postgres.url });
  store = createArtifactStore({ kind: 'folder', dir: path.join(root, 'artifacts') });
  gateway = await startControlServer(records);
  train = await makeData();
});
afterAll(async () => {
  for (const t of trainers) {
    if (t.exitCode !== null || t.signalCode !== null) continue;
    t.kill('SIGTERM');
    await once(t, 'exit');
  }
  await gateway.stop();
  await queue.close();
  await store.close();
  await postgres.stop();
  rmSync(root, { recursive: true, force: true });
});

async function startTrainer(): Promise<ChildProcess> {
  const trainer = spawn(process.execPath, [...SOURCE_ARGV, fileURLToPath(new URL('./main.ts', import.meta.url))], {
    env: {
      ...testEnvironment(),
      ORT_DISABLE_TELEMETRY: '1',
      DATABASE_URL: postgres.url,
      ARTIFACTS_DIR: path.join(root, 'artifacts'),
      DATA_DIR: path.join(root, 'trainer'),
      CONTROL_ADDRESS: `127.0.0.1:${gateway.port}`,
      SERVICE_TOKEN: TOKEN,
      CONCURRENCY: '1',
      THREADS: '1',
      CHECKPOINT_INTERVAL_S: '0.2',
      LOG_LEVEL: 'error',
      LEASE_S: '2',
    },
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  trainers.push(trainer);
  const ready = await new Promise((resolve, reject) => {
    trainer.once('message', resolve);
    trainer.once('exit', (code) => reject(new Error(`the trainer ended with ${code}`)));
  });
  expect(ready).toMatchObject({ type: 'ready', service: 'trainer', concurrency: 1 });
  return trainer;
}

async function submit(id: string): Promise<void> {
  const payload: JobSpec = {
    job_id: id,
    tenant_id: 'tnt_1',
    request_id: `req_${id}`,
    recipe: 'classical/tabular-classifier',
    params: { target: 'kind', max_iter: 60, batch_size: 16, early_stopping: false, hidden_layer_sizes: [64, 32] },
    inputs: { train },
    seed: 11,
    device: 'cpu',
    limits: { attempts: 3 },
  };
  await queue.add('strata-train', { id, payload, attempts: 3 });
}

const childrenOf = (pid: number): number[] =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number);

const inMidTraining = (id: string): Promise<void> =>
  until(`checkpoints of ${id}`, () => eventsOf(records, id).filter((e) => e.body.type === 'checkpoint').length >= 3);

/** Hash of the exported model: weights and graph, to the last bit. */
async function modelOf(id: string): Promise<string> {
  await until(
    `the end of ${id}`,
    () => endsOf(records, id).some((e) => e.type === 'succeeded' || (e.type === 'failed' && !e.will_retry)),
    90_000,
  );
  const end = endsOf(records, id).at(-1);
  if (end?.type !== 'succeeded' || end.outputs['model']?.kind !== 'model') throw new Error(JSON.stringify(end));
  return end.outputs['model'].files['model.onnx']?.sha256 ?? '';
}

/** Steps that the last attempt told: fewer than all when it went on from a checkpoint. */
const firstStepOf = (id: string, attempt: number): number =>
  Math.min(
    ...eventsOf(records, id).flatMap((e) => (e.attempt === attempt && e.body.type === 'metrics' ? [e.body.step] : [])),
  );

describe('a trainer in mid-training', () => {
  it('ends with weights identical to an undisturbed run when its child, or it itself, is killed by SIGKILL', async () => {
    let trainer = await startTrainer();
    await submit('job_undisturbed');
    const undisturbed = await modelOf('job_undisturbed');
    expect(await ended(records, 'job_undisturbed')).toHaveLength(1);

    await submit('job_child');
    await inMidTraining('job_child');
    for (const pid of childrenOf(trainer.pid ?? 0)) process.kill(pid, 'SIGKILL');
    expect(await modelOf('job_child')).toBe(undisturbed);
    expect(endsOf(records, 'job_child')[0]).toMatchObject({ type: 'failed', failure: { code: 'worker_crashed' } });
    expect(firstStepOf('job_child', 2)).toBeGreaterThan(firstStepOf('job_undisturbed', 1));

    await submit('job_trainer');
    await inMidTraining('job_trainer');
    trainer.kill('SIGKILL');
    await once(trainer, 'exit');
    trainer = await startTrainer();
    expect(await modelOf('job_trainer')).toBe(undisturbed);
    expect(firstStepOf('job_trainer', 2)).toBeGreaterThan(firstStepOf('job_undisturbed', 1));

    trainer.kill('SIGTERM');
    expect((await once(trainer, 'exit'))[0]).toBe(0);
  });
});
