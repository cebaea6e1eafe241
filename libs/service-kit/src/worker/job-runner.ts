import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import type { ArtifactConfig, ArtifactStore } from '@strata/artifacts';
import { JobSpec, type Device, type JobEventBody, type RecipeDefinition } from '@strata/contracts';
import { StrataError, deserializeError, isStrataError, toStrataError } from '@strata/kernel';
import type { ConsumedJob } from '@strata/queue';
import { deleteCheckpoint } from '../child/checkpoint.js';
import type { Outcome } from '../child/ipc.js';
import type { ServiceLogger } from '../logging.js';
import type { JobMetrics } from '../metrics.js';
import type { ChildPool } from './child-pool.js';
import type { ControlClient } from './control-client.js';
import { startRun, type Run } from './run.js';
import type { Slots } from './slots.js';
import type { Spool } from './spool.js';

export interface RunnerOptions {
  readonly workerId: string;
  readonly recipes: readonly RecipeDefinition[];
  readonly devices: readonly Device[];
  readonly threads: number;
  /** For jobs that set no limit of their own. */
  readonly memoryMb: number;
  readonly checkpointIntervalMs: number;
  readonly artifacts: ArtifactConfig;
  readonly cacheDir: string;
  readonly workDir: string;
}

export interface RunnerParts {
  readonly spool: Spool;
  readonly control: Pick<ControlClient, 'claim'>;
  readonly pool: ChildPool;
  readonly slots: Slots;
  readonly store: ArtifactStore;
  readonly metrics: JobMetrics;
  readonly log: ServiceLogger;
}

/** Why a job that is here is to end early. `drain`: it goes back into the queue; `lost`: another worker may have it already. */
type Ask = 'cancel' | 'pause' | 'drain' | 'lost';

interface Entry {
  readonly id: string;
  readonly recipe: RecipeDefinition | undefined;
  attempt: number;
  asked: Ask | undefined;
  run: Run | undefined;
  readonly stop: AbortController;
  done: Promise<unknown>;
}

export interface JobRunner {
  /** The queue's handler: returns or throws when the job's run is over and its end is on disk. */
  handle(job: ConsumedJob): Promise<unknown>;
  running(): string[];
  cancel(jobId: string): void;
  pause(jobId: string): void;
  /** Sends every job back into the queue, those that can be resumed from a fresh checkpoint; kills what has not ended within the time. */
  drain(graceMs: number): Promise<void>;
}

const STOPPED = 'the worker was stopped; the job goes on from its last checkpoint on the next one';

export function createJobRunner(o: RunnerOptions, parts: RunnerParts): JobRunner {
  const { spool, control, pool, slots, store, metrics } = parts;
  const recipes = new Map(o.recipes.map((r) => [r.name, r]));
  const entries = new Map<string, Entry>();
  let draining = false;

  const ask = (entry: Entry, what: Ask): void => {
    // a lost lock and a cancel outrank a pause; the first of equals stays
    if (entry.asked === 'lost' || (entry.asked === 'cancel' && what !== 'lost')) return;
    if (entry.asked === what) return;
    entry.asked = what;
    apply(entry);
  };
  const apply = (entry: Entry): void => {
    const { run, asked } = entry;
    if (!run) return entry.stop.abort(new StrataError('job_cancelled', `asked to ${asked}`));
    if (asked === 'lost') run.kill();
    else if (asked === 'cancel') run.cancel();
    else if (asked === 'pause' || (asked === 'drain' && entry.recipe?.resumable)) run.pause();
  };

  const record = (entry: Entry, bodies: readonly JobEventBody[], durable: boolean): Promise<void> =>
    spool.append(
      bodies.map((b) => ({
        jobId: entry.id,
        attempt: entry.attempt,
        timeMs: Date.now(),
        body: JSON.stringify(b),
      })),
      durable,
    );

  /** Runs the job in a child, unless it was asked to end before one was started. */
  const execute = async (
    entry: Entry,
    recipe: RecipeDefinition,
    spec: JobSpec,
    log: ServiceLogger,
  ): Promise<Outcome> => {
    const taken = performance.now();
    const device = o.devices.find((d) => d.kind === spec.device);
    if (!device)
      throw new StrataError(
        'no_device',
        `this worker has no ${spec.device} device (it has ${o.devices.map((d) => d.kind).join(', ')}): start a worker on a machine with one, or use device "cpu".`,
      );
    const free = await slots.take(spec.device, entry.stop.signal);
    const memoryMb = spec.limits.memory_mb ?? o.memoryMb;
    const light = recipe.light ?? false;
    const child = pool.take(light, memoryMb > o.memoryMb ? memoryMb : undefined);
    const workDir = path.join(o.workDir, `${entry.id}-${randomUUID().slice(0, 8)}`);
    const report = (bodies: readonly JobEventBody[]): void => {
      record(entry, bodies, false).catch((e: unknown) => log.warn({ error: String(e) }, 'events could not be kept'));
    };
    let outcome: Outcome | undefined;
    try {
      entry.run = startRun(child, {
        memoryMb,
        timeS: spec.limits.time_s,
        message: {
          type: 'run',
          spec,
          attempt: entry.attempt,
          artifacts: o.artifacts,
          cacheDir: o.cacheDir,
          workDir,
          device,
          threads: o.threads,
          memoryMb,
          checkpointIntervalMs: o.checkpointIntervalMs,
        },
        onStarted() {
          metrics.startSeconds.observe((performance.now() - taken) / 1000);
          pool.refill();
          report([{ type: 'started' }]);
        },
        onEvents: report,
      });
      if (entry.asked) apply(entry);
      outcome = await entry.run.outcome;
      return outcome;
    } finally {
      free();
      if (light && outcome?.type === 'succeeded') pool.giveBack(child);
      else child.kill();
      const gone = light && child.alive ? Promise.resolve() : child.exited;
      void gone
        .then(() => rm(workDir, { recursive: true, force: true }))
        .catch((e: unknown) => log.warn({ error: String(e) }, 'a scratch folder could not be removed'));
    }
  };

  const attempt = async (entry: Entry, spec: JobSpec, log: ServiceLogger): Promise<Outcome> => {
    try {
      if (!entry.recipe)
        throw new StrataError(
          'unknown_recipe',
          `this worker has no recipe "${spec.recipe}": is it of an older version?`,
        );
      return await execute(entry, entry.recipe, spec, log);
    } catch (e) {
      if (entry.asked === 'cancel') return { type: 'cancelled' };
      if (entry.asked === 'pause' || entry.asked === 'drain') return { type: 'paused', step: 0 };
      if (!isStrataError(e))
        log.error({ error: e instanceof Error ? (e.stack ?? null) : String(e) }, 'unforeseen error');
      return { type: 'failed', failure: toStrataError(e).toJSON() };
    }
  };

  const forget = (entry: Entry, log: ServiceLogger): void => {
    if (!entry.recipe?.resumable) return;
    deleteCheckpoint(store, entry.id).catch((e: unknown) =>
      log.warn({ error: String(e) }, 'a checkpoint that is no longer needed could not be deleted'),
    );
  };

  /** Writes the end down, then tells the queue: in this order a crash in between repeats the job's end, and loses nothing. */
  const settle = async (job: ConsumedJob, entry: Entry, given: Outcome, log: ServiceLogger): Promise<unknown> => {
    // a job that was told to end and died of it has ended as it was told
    const outcome: Outcome = given.type === 'failed' && entry.asked === 'cancel' ? { type: 'cancelled' } : given;
    const goesBack =
      entry.asked === 'drain' &&
      (outcome.type === 'paused' || (outcome.type === 'failed' && outcome.failure.code === 'worker_lost'));
    const label = entry.asked === 'lost' ? 'lost' : goesBack ? 'requeued' : outcome.type;
    metrics.ended.inc({ recipe: entry.recipe?.name ?? 'unknown', outcome: label });
    log.info(
      { outcome: label, attempt: entry.attempt, ...(outcome.type === 'failed' ? { code: outcome.failure.code } : {}) },
      'job ended',
    );
    if (entry.asked === 'lost')
      throw new StrataError('worker_lost', `the queue gave job ${entry.id} to another worker meanwhile`);
    if (goesBack) {
      const failure = new StrataError('worker_lost', STOPPED).toJSON();
      await record(entry, [{ type: 'failed', failure, will_retry: true, retry_in_ms: 0 }], true);
      return job.release();
    }
    if (outcome.type !== 'failed') {
      await record(entry, [outcome], true);
      if (outcome.type !== 'paused') forget(entry, log);
      return { outcome: outcome.type };
    }
    const error = deserializeError(outcome.failure);
    const retryMs = job.retryIn(error);
    const retry = retryMs === undefined ? { will_retry: false } : { will_retry: true, retry_in_ms: retryMs };
    await record(entry, [{ type: 'failed', failure: outcome.failure, ...retry }], true);
    // what only ran out of something may go on when it is submitted again; what went wrong by itself would go wrong again
    if (!error.retryable && error.code !== 'job_timeout' && error.code !== 'out_of_memory') forget(entry, log);
    throw error;
  };

  const run = async (job: ConsumedJob, entry: Entry, spec: JobSpec): Promise<unknown> => {
    const log = parts.log.child({ job_id: entry.id, request_id: spec.request_id });
    const claim = await control.claim(
      { workerId: o.workerId, jobId: entry.id, attempt: entry.attempt },
      spec.request_id,
    );
    if (claim && !claim.granted) {
      log.info({ reason: claim.reason }, 'the job is not to be run');
      return { outcome: 'denied', reason: claim.reason };
    }
    if (claim && claim.attempt > 0) entry.attempt = claim.attempt;
    log.debug({ recipe: spec.recipe, attempt: entry.attempt }, 'job begins');
    const stopTimer = metrics.seconds.startTimer({ recipe: entry.recipe?.name ?? 'unknown' });
    metrics.running.inc();
    try {
      return await settle(job, entry, await attempt(entry, spec, log), log);
    } finally {
      metrics.running.dec();
      stopTimer();
    }
  };

  return {
    async handle(job) {
      // delivered again while the lost run is still being ended here
      await entries.get(job.id)?.done.catch(() => undefined);
      if (draining) return job.release();
      const parsed = JobSpec.safeParse(job.payload);
      if (!parsed.success)
        throw new StrataError(
          'invalid_request',
          `the queue's payload of job ${job.id} is not a job: ${parsed.error.message}`,
        );
      const spec = parsed.data;
      const entry: Entry = {
        id: spec.job_id,
        recipe: recipes.get(spec.recipe),
        attempt: (spec.attempt_base ?? 0) + job.attempt,
        asked: undefined,
        run: undefined,
        stop: new AbortController(),
        done: Promise.resolve(),
      };
      const lost = (): void => ask(entry, 'lost');
      job.signal.addEventListener('abort', lost, { once: true });
      entries.set(entry.id, entry);
      const running = run(job, entry, spec).finally(() => {
        job.signal.removeEventListener('abort', lost);
        entries.delete(entry.id);
      });
      entry.done = running;
      return running;
    },
    running: () => [...entries.keys()],
    cancel(jobId) {
      const entry = entries.get(jobId);
      if (entry) ask(entry, 'cancel');
    },
    pause(jobId) {
      const entry = entries.get(jobId);
      if (entry) ask(entry, 'pause');
    },
    async drain(graceMs) {
      draining = true;
      const here = [...entries.values()];
      for (const entry of here) ask(entry, 'drain');
      const timer = setTimeout(() => {
        for (const entry of here) entry.run?.kill();
      }, graceMs);
      await Promise.allSettled(here.map((e) => e.done));
      clearTimeout(timer);
    },
  };
}
