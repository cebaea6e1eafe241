import { setImmediate as immediate, setTimeout as timer } from 'node:timers/promises';
import { StrataError } from '@strata/kernel';

const cancelled = (signal: AbortSignal): StrataError =>
  new StrataError('job_cancelled', 'The job was cancelled.', { cause: signal.reason });

/**
 * Lets messages come in, then goes on or ends: for recipes without checkpoints, where `ctx.step` has no state to give.
 * @throws StrataError `job_cancelled`
 */
export async function turn(signal: AbortSignal): Promise<void> {
  await immediate();
  if (signal.aborted) throw cancelled(signal);
}

/** Waits. @throws StrataError `job_cancelled` as soon as the signal says so */
export async function sleep(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) throw cancelled(signal);
  try {
    await timer(ms, undefined, { signal });
  } catch {
    // the signal is the only thing that can end the timer early
    throw cancelled(signal);
  }
}
