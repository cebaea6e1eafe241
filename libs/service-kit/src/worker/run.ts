import type { JobFailure } from '@strata/contracts';
import { StrataError } from '@strata/kernel';
import type { Outcome, ReportedEvent, RunMessage } from '../child/ipc.js';
import type { Child, ChildExit } from './child-process.js';
import { watchMemory } from './memory.js';

/** After a cancel the child may clean up for this long; together with the kill a cancel takes less than a second. */
export const CANCEL_GRACE_MS = 800;

export interface RunOptions {
  readonly message: RunMessage;
  readonly memoryMb: number;
  readonly timeS?: number | undefined;
  readonly onStarted: () => void;
  readonly onEvents: (events: readonly ReportedEvent[]) => void;
}

export interface Run {
  readonly outcome: Promise<Outcome>;
  /** Asks it to end; kills it when it does not. */
  cancel(): void;
  /** Asks it to end at a checkpoint; there is no limit of time. */
  pause(): void;
  /** Ends it at once. The outcome is a failure `worker_lost`. */
  kill(): void;
}

const failed = (error: StrataError): Outcome => ({ type: 'failed', failure: error.toJSON() as JobFailure });

/** What the way in which a child died says. */
export function crashFailure(exit: ChildExit): StrataError {
  const words = exit.stderr.split('\n').slice(-20).join('\n');
  const last = words ? `; its last words:\n${words}` : '; it printed nothing';
  // V8 prints this and aborts when the heap's bound is reached
  if (/JavaScript heap out of memory/.test(exit.stderr))
    return new StrataError(
      'out_of_memory',
      `the job needed more memory than its process may take${last}\nGive it a larger limits.memory_mb or less data.`,
    );
  if (exit.code === null && exit.signal === null)
    return new StrataError('worker_crashed', `no process could be started for the job: ${exit.stderr}`);
  const how = exit.signal ? `was ended by ${exit.signal}` : `ended with code ${exit.code}`;
  const killed =
    exit.signal === 'SIGKILL' ? ' (by someone, or by the system because memory ran out: look at limits.memory_mb)' : '';
  return new StrataError('worker_crashed', `the process that ran the job ${how}${killed}${last}`);
}

/** Runs one job in a child and turns every way in which that can end into an outcome. */
export function startRun(child: Child, o: RunOptions): Run {
  let end: (outcome: Outcome) => void = () => undefined;
  let ended = false;
  let verdict: Outcome | undefined;
  const timers: NodeJS.Timeout[] = [];
  let unwatch = (): void => undefined;
  const outcome = new Promise<Outcome>((resolve) => {
    end = (result) => {
      if (ended) return;
      ended = true;
      for (const t of timers) clearTimeout(t);
      unwatch();
      resolve(result);
    };
  });
  /** Decided here, not by the child: takes effect when the child is gone. */
  const condemn = (result: Outcome): void => {
    verdict ??= result;
    child.kill();
  };

  child.listen((message) => {
    if (message.type === 'started') o.onStarted();
    else if (message.type === 'events') o.onEvents(message.events);
    else if (message.type === 'ended') end(verdict ?? message.outcome);
  });
  void child.exited.then((exit) => end(verdict ?? failed(crashFailure(exit))));

  unwatch = watchMemory(child.pid, o.memoryMb * 2 ** 20, (bytes) =>
    condemn(
      failed(
        new StrataError(
          'out_of_memory',
          `the job used ${Math.ceil(bytes / 2 ** 20)} MiB and its limit is ${o.memoryMb} MiB. Give it a larger limits.memory_mb, a smaller batch or less data.`,
        ),
      ),
    ),
  );
  if (o.timeS !== undefined) {
    const { timeS } = o;
    timers.push(
      setTimeout(
        () =>
          condemn(
            failed(new StrataError('job_timeout', `the job ran longer than its limit of ${timeS} s (limits.time_s).`)),
          ),
        // setTimeout takes 24.8 days at most
        Math.min(timeS * 1000, 2 ** 31 - 1),
      ),
    );
  }
  child.send(o.message);
  return {
    outcome,
    cancel() {
      child.send({ type: 'cancel' });
      timers.push(setTimeout(() => condemn({ type: 'cancelled' }), CANCEL_GRACE_MS));
    },
    pause: () => child.send({ type: 'pause' }),
    kill: () => condemn(failed(new StrataError('worker_lost', 'the worker gave the job up'))),
  };
}
