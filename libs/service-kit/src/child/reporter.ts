import type { Progress } from '@strata/contracts';
import type { LogFields, Logger, LogLevel } from '@strata/kernel';
import type { FromChild, ReportedEvent } from './ipc.js';

/** Milliseconds between two messages: ten a second are enough for a progress bar. */
const INTERVAL_MS = 100;
/** Events in one message at most. */
const BATCH = 500;
const LOG_LINES = 10_000;
const LOG_LINES_PER_S = 100;
const LOG_CHARS = 4_000;
/** Messages on their way at most before `settled` waits for the host to take some. */
const IN_FLIGHT = 16;

export interface Reporter {
  readonly log: Logger;
  progress(p: Progress): void;
  metrics(step: number, values: Readonly<Record<string, number>>): void;
  checkpoint(step: number): void;
  /** Resolves at once unless the host falls behind: the recipe then waits instead of filling memory. */
  settled(): Promise<void>;
  /** Hands over everything that is still held back, and waits until it is. */
  flush(): Promise<void>;
}

const view = (p: Progress): Extract<ReportedEvent, { type: 'progress' }>['progress'] => ({
  fraction: p.total && p.total > 0 ? Math.min(1, Math.max(0, p.step / p.total)) : null,
  step: p.step,
  total: p.total ?? null,
  eta_s: p.eta_s === undefined ? null : Math.round(p.eta_s * 10) / 10,
  phase: p.phase ?? null,
});

/**
 * Gathers what a recipe reports into few messages, in order: of several progress reports the latest, every metric, log lines up to a limit.
 * `send` resolves when the channel has taken the message.
 */
export function createReporter(send: (message: FromChild) => Promise<void>, now: () => number = Date.now): Reporter {
  let held: ReportedEvent[] = [];
  let progressAt = -1;
  let sentAt = -Infinity;
  let timer: NodeJS.Timeout | undefined;
  const inFlight = new Set<Promise<void>>();
  let lines = 0;
  let second = 0;
  let linesInSecond = 0;
  let dropped = 0;

  const post = (): void => {
    clearTimeout(timer);
    timer = undefined;
    if (held.length === 0) return;
    const events = held;
    held = [];
    progressAt = -1;
    sentAt = now();
    const sending = send({ type: 'events', events }).finally(() => inFlight.delete(sending));
    inFlight.add(sending);
    // a channel that is closed ends the process by itself
    sending.catch(() => undefined);
  };

  const hold = (event: ReportedEvent): void => {
    if (event.type === 'progress' && progressAt >= 0) held[progressAt] = event;
    else {
      if (event.type === 'progress') progressAt = held.length;
      held.push(event);
    }
    // by the clock, not only by the timer: a recipe that computes without a pause must still be heard
    if (held.length >= BATCH || now() - sentAt >= INTERVAL_MS) post();
    else timer ??= setTimeout(post, INTERVAL_MS);
  };

  const line = (level: LogLevel, fields: LogFields, message: string): void => {
    const s = Math.floor(now() / 1000);
    if (s !== second) {
      second = s;
      linesInSecond = 0;
      if (dropped > 0 && lines < LOG_LINES) {
        hold({ type: 'log', level: 'warn', message: `${dropped} log lines were left out: too many at once` });
        dropped = 0;
      }
    }
    if (lines >= LOG_LINES || linesInSecond >= LOG_LINES_PER_S) {
      dropped += 1;
      return;
    }
    lines += 1;
    linesInSecond += 1;
    const last = lines === LOG_LINES ? ' (the limit of log lines is reached; no more follow)' : '';
    const named = Object.keys(fields).length > 0 ? { fields: { ...fields } } : {};
    hold({ type: 'log', level, message: `${message.slice(0, LOG_CHARS)}${last}`, ...named });
  };

  let warned = false;
  return {
    log: {
      debug: (f, m) => line('debug', f, m),
      info: (f, m) => line('info', f, m),
      warn: (f, m) => line('warn', f, m),
      error: (f, m) => line('error', f, m),
    },
    progress: (p) => hold({ type: 'progress', progress: view(p) }),
    metrics(step, values) {
      const finite = Object.entries(values).filter(([, v]) => Number.isFinite(v));
      if (finite.length < Object.keys(values).length && !warned) {
        warned = true;
        const names = Object.keys(values).filter((k) => !Number.isFinite(values[k]));
        line('warn', { step }, `metrics that are not finite numbers are left out: ${names.join(', ')}`);
      }
      if (finite.length > 0) hold({ type: 'metrics', step, values: Object.fromEntries(finite) });
    },
    checkpoint: (step) => hold({ type: 'checkpoint', step }),
    async settled() {
      while (inFlight.size > IN_FLIGHT) await Promise.race(inFlight);
    },
    async flush() {
      post();
      await Promise.all(inFlight);
    },
  };
}
