import { StrataError, toStrataError } from '@strata/kernel';
import { DelayedError, UnrecoverableError, WaitingError, type Job } from 'bullmq';
import { openBackend } from './backend.js';
import type { Backoff, ConsumedJob, Consumer, ConsumerOptions, JobHandler, QueueConfig } from './port.js';

/** Until a worker that could not reach its backend tries again, in milliseconds. */
const RETRY_MS = 500;
/** Longest wait for a notification before the queue is asked anyway, in seconds. */
const POLL_S = 5;

/** Begins to take jobs at once, and whenever the backend can be reached. */
export function createConsumer(
  config: QueueConfig,
  queue: string,
  handler: JobHandler,
  options: ConsumerOptions = {},
): Consumer {
  const onError = options.onError ?? (() => undefined);
  const backend = openBackend(config, 'consumer', onError);
  // jobs whose handler was called here: a failure of any other job is news
  const handled = new Set<string>();

  const worker = backend.worker(
    queue,
    async (job, token, signal) => {
      const id = idOf(job);
      handled.add(id);
      try {
        return (await handler(consumed(job, token, signal ?? new AbortController().signal))) ?? null;
      } catch (e) {
        if (e instanceof WaitingError || e instanceof DelayedError) {
          handled.delete(id);
          throw e;
        }
        throw toBull(e);
      }
    },
    {
      concurrency: options.concurrency ?? 1,
      lockDuration: options.lockMs ?? 30_000,
      stalledInterval: options.stalledMs ?? 15_000,
      maxStalledCount: options.maxStalled ?? 1000,
      drainDelay: POLL_S,
      runRetryDelay: RETRY_MS,
    },
  );

  worker.on('error', onError);
  // BullMQ goes on with a job whose lock is gone; its handler has to stop, another consumer gets it
  worker.on('lockRenewalFailed', (ids: string[]) => {
    for (const id of ids)
      worker.cancelJob(
        id,
        new StrataError('worker_lost', `the lock of job ${id} is gone: another worker may run it`).message,
      );
  });
  worker.on('completed', (job) => handled.delete(idOf(job)));
  worker.on('failed', (job, error) => {
    if (!job) return;
    const id = idOf(job);
    if (handled.delete(id)) return;
    const parent = /^child /.test(error.message);
    options.onFailed?.(
      { id, payload: job.data as unknown, attempt: job.attemptsStarted },
      parent
        ? new StrataError('parent_failed', `a job that job ${id} waits for failed: ${error.message}`, { cause: error })
        : new StrataError('worker_lost', `job ${id}: ${error.message}`, { cause: error, retryable: false }),
    );
  });

  return {
    abort: (id, reason) => worker.cancelJob(id, reason === undefined ? undefined : String(reason)),
    pause: () => worker.pause(true),
    resume: () => void worker.resume(),
    async close(force = false) {
      if (force) worker.cancelAllJobs('the worker closes');
      await worker.close(force);
      await backend.close();
    },
  };
}

function consumed(job: Job, token: string | undefined, signal: AbortSignal): ConsumedJob {
  const id = idOf(job);
  return {
    id,
    payload: job.data as unknown,
    attempt: job.attemptsStarted,
    signal,
    retryIn(error) {
      if (!toStrataError(error).retryable || job.attemptsMade + 1 >= (job.opts.attempts ?? 1)) return undefined;
      const backoff = job.opts.backoff as { type: Backoff['type']; delay: number } | undefined;
      return backoff ? backoff.delay * (backoff.type === 'exponential' ? 2 ** job.attemptsMade : 1) : 0;
    },
    async release(delayMs = 0) {
      if (delayMs > 0) {
        await job.moveToDelayed(Date.now() + delayMs, token);
        throw new DelayedError();
      }
      await job.moveToWait(token);
      throw new WaitingError();
    },
    async children() {
      const values: Record<string, unknown> = await job.getChildrenValues();
      // keys are `<prefix>:<queue>:<id>`, and ids hold no colon
      return Object.fromEntries(
        Object.entries(values).map(([key, value]) => [key.slice(key.lastIndexOf(':') + 1), value]),
      );
    },
  };
}

const idOf = (job: Job): string => job.id ?? '';

/** BullMQ repeats a job for every error but its own UnrecoverableError. */
function toBull(e: unknown): Error {
  const error = toStrataError(e);
  if (error.retryable) return error;
  return Object.assign(new UnrecoverableError(error.message), { cause: e });
}
