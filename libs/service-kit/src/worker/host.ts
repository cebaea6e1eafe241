import os from 'node:os';
import { createArtifactStore, type ArtifactConfig } from '@strata/artifacts';
import type { Device, QueueName, RecipeDefinition } from '@strata/contracts';
import { createConsumer, type QueueConfig } from '@strata/queue';
import type { Registry } from 'prom-client';
import type { TlsFiles } from '../grpc/tls.js';
import type { Checks } from '../health.js';
import type { ServiceLogger } from '../logging.js';
import { jobMetrics } from '../metrics.js';
import { sweepCache } from './cache.js';
import type { ChildProgram } from './child-process.js';
import { createChildPool } from './child-pool.js';
import { createControlClient, type ControlClient } from './control-client.js';
import { discoverDevices } from './devices.js';
import { openWorkerFolder } from './folder.js';
import { createJobRunner, type JobRunner } from './job-runner.js';
import { createLoadMeter } from './load.js';
import { machineMemoryMb } from './memory.js';
import { createSlots } from './slots.js';
import { openSpool } from './spool.js';

export interface WorkerHostOptions {
  /** Takes jobs of the queue `strata-<queue>`. */
  readonly queue: QueueName;
  readonly version: string;
  readonly queueConfig: QueueConfig;
  readonly artifacts: ArtifactConfig;
  readonly control: { readonly address: string; readonly token: string; readonly tls?: TlsFiles | undefined };
  /** The program that runs one job; it calls `runChild`. */
  readonly child: Pick<ChildProgram, 'entry' | 'execArgv' | 'env'>;
  readonly recipes: readonly RecipeDefinition[];
  readonly dataDir: string;
  /** Jobs at once on the processor; 0: by processors and threads. Each GPU takes one more. */
  readonly concurrency: number;
  /** Threads of one job; 0: all processors, up to 8. */
  readonly threads: number;
  /** Memory of one job that sets no limit; 0: nine tenths of the machine's. */
  readonly memoryMb: number;
  readonly cacheMb: number;
  readonly checkpointIntervalS: number;
  readonly drainS: number;
  /** Absent: the child's `listDevices` is asked. */
  readonly devices?: readonly Device[];
  /** host:port of the Open Inference Protocol, for workers that serve models. */
  readonly inferenceAddress?: string;
  readonly heartbeatMs?: number;
  /** A job whose worker is gone is given to another after this time. */
  readonly lockMs?: number;
  readonly stalledMs?: number;
  /** A gateway asked this worker to drain: it takes no more jobs, and the process should end. */
  readonly onDrain?: () => void;
  readonly log: ServiceLogger;
  readonly registry: Registry;
}

export interface WorkerHost {
  readonly workerId: string;
  readonly devices: readonly Device[];
  readonly concurrency: number;
  running(): string[];
  /** For readiness. */
  checks(): Promise<Checks>;
  /** Takes no more jobs, sends running ones back into the queue at a checkpoint, hands over the last events, ends all children. */
  stop(): Promise<void>;
}

const MAX_THREADS = 8;
const SWEEP_MS = 600_000;
/** When a worker stops, its last events get this long to reach a gateway; what remains is sent at its next start. */
const FLUSH_MS = 2_000;

/**
 * Turns this process into a worker: jobs from the queue, each in a child process, events to a gateway. Nothing here computes: the event loop stays free for
 * locks, heartbeats and commands.
 * @throws StrataError `not_writable`, `invalid_configuration`
 */
export async function runWorkerHost(o: WorkerHostOptions): Promise<WorkerHost> {
  const { log } = o;
  const folder = await openWorkerFolder(o.dataDir);
  const spool = await openSpool({ dir: folder.spoolDir, warn: (f, m) => log.warn(f, m) });
  const program: ChildProgram = { ...o.child, onOutput: (line) => log.debug({ line }, 'output of a child') };
  const devices = o.devices ?? (await discoverDevices(program, (why) => log.warn({ why }, 'devices are not known')));
  const threads = o.threads || Math.min(MAX_THREADS, os.availableParallelism());
  const memoryMb = o.memoryMb || Math.floor(machineMemoryMb() * 0.9);
  const count = (kind: Device['kind']): number => devices.filter((d) => d.kind === kind).length;
  const places = {
    cpu: o.concurrency || Math.max(1, Math.floor(os.availableParallelism() / threads)),
    webgpu: count('webgpu'),
    cuda: count('cuda'),
  };
  const concurrency = places.cpu + places.webgpu + places.cuda;
  const pool = createChildPool(program, memoryMb);
  pool.refill();
  const store = createArtifactStore(o.artifacts);
  const metrics = jobMetrics(o.registry);
  const load = createLoadMeter();

  const parts: { control?: ControlClient; runner?: JobRunner } = {};
  const control = await createControlClient({
    ...o.control,
    spool,
    heartbeatMs: o.heartbeatMs ?? 5_000,
    log,
    hello: () => ({
      workerId: folder.workerId,
      queue: o.queue,
      host: os.hostname(),
      pid: process.pid,
      version: o.version,
      concurrency,
      devicesJson: JSON.stringify(devices),
      recipes: o.recipes.filter((r) => r.queue === o.queue).map((r) => r.name),
      running: parts.runner?.running() ?? [],
      inferenceAddress: o.inferenceAddress ?? '',
    }),
    async heartbeat() {
      metrics.spooled.set(spool.last - spool.acked);
      return { timeMs: Date.now(), running: parts.runner?.running() ?? [], ...(await load(pool.pids())) };
    },
    onCommand(kind, jobId) {
      log.info({ command: kind, job_id: jobId }, 'command from the gateway');
      if (kind === 'cancel') parts.runner?.cancel(jobId);
      else if (kind === 'pause') parts.runner?.pause(jobId);
      else o.onDrain?.();
    },
  });
  const runner = createJobRunner(
    {
      workerId: folder.workerId,
      recipes: o.recipes,
      devices,
      threads,
      memoryMb,
      checkpointIntervalMs: o.checkpointIntervalS * 1000,
      artifacts: o.artifacts,
      cacheDir: folder.cacheDir,
      workDir: folder.workDir,
    },
    { spool, control, pool, slots: createSlots(places), store, metrics, log },
  );
  parts.runner = runner;

  const consumer = createConsumer(o.queueConfig, `strata-${o.queue}`, (job) => runner.handle(job), {
    concurrency,
    ...(o.lockMs ? { lockMs: o.lockMs } : {}),
    ...(o.stalledMs ? { stalledMs: o.stalledMs } : {}),
    onError: (e) => log.warn({ error: e.message }, 'the queue has a problem; trying on'),
    onFailed: (job, e) => log.error({ job_id: job.id, error: e.message }, 'the queue gave a job up'),
  });
  const sweep = (): void =>
    void sweepCache(folder.cacheDir, o.cacheMb * 2 ** 20).catch((e: unknown) =>
      log.warn({ error: String(e) }, 'the cache of inputs could not be swept'),
    );
  sweep();
  const sweeper = setInterval(sweep, SWEEP_MS);

  const stop = async (): Promise<void> => {
    clearInterval(sweeper);
    await consumer.pause();
    await runner.drain(o.drainS * 1000);
    await consumer.close();
    if (!(await control.flushed(control.attached ? FLUSH_MS : 0)))
      log.warn({ events: spool.last - spool.acked }, 'events remain on disk and are sent at the next start');
    control.close();
    await pool.close();
    await spool.close();
    await store.close();
    await folder.release();
  };
  let stopping: Promise<void> | undefined;

  return {
    workerId: folder.workerId,
    devices,
    concurrency,
    running: () => runner.running(),
    async checks() {
      const artifacts = await store.check().then(
        () => ({ ok: true }),
        (e: unknown) => ({ ok: false, detail: (e as Error).message }),
      );
      const gateway = control.attached ? { ok: true } : { ok: false, detail: `none at ${o.control.address}` };
      return { artifacts, gateway };
    },
    stop: () => (stopping ??= stop()),
  };
}
