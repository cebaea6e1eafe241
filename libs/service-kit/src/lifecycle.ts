import { readFileSync } from 'node:fs';
import { isStrataError } from '@strata/kernel';

/** Tells the supervisor (parent process) that the service works; without one it prints a line for people. */
export function ready(service: string, info: Readonly<Record<string, unknown>> = {}): void {
  const ms = Math.round(performance.now());
  if (process.send) process.send({ type: 'ready', service, ms, ...info });
  else process.stdout.write(`${JSON.stringify({ type: 'ready', service, ms, ...info })}\n`);
}

const LAST_RESORT_MS = 10_000;

function endAfter(close: () => Promise<void>, graceMs: number): void {
  setTimeout(() => process.exit(1), graceMs).unref();
  close().then(
    () => process.exit(0),
    (e: unknown) => {
      process.stderr.write(`${describe(e)}\n`);
      process.exit(1);
    },
  );
}

/** If the supervisor dies, its IPC channel closes: stop too, so that nothing is left over. */
export function stopWithParent(close: () => Promise<void>): void {
  if (process.send) process.once('disconnect', () => endAfter(close, LAST_RESORT_MS));
}

/** Stops once on SIGTERM, SIGINT or the end of the supervisor, whichever comes first. `graceMs` is what `close` may take. */
export function stopOnSignals(close: () => Promise<void>, graceMs = LAST_RESORT_MS): void {
  let stopping = false;
  const stop = (): void => {
    if (stopping) return;
    stopping = true;
    endAfter(close, graceMs);
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, stop);
  if (process.send) process.once('disconnect', stop);
}

function describe(e: unknown): string {
  if (isStrataError(e)) return `${e.code}: ${e.message}`;
  return e instanceof Error ? (e.stack ?? e.message) : String(e);
}

/** Runs a service's start. What goes wrong on the way is told in one sentence, not as a stack, and ends the process with code 1. */
export async function runMain(service: string, start: () => Promise<void>): Promise<void> {
  try {
    await start();
  } catch (e) {
    process.stderr.write(`${service} cannot start: ${describe(e)}\n`);
    process.send?.({ type: 'failed', service, code: isStrataError(e) ? e.code : 'internal', message: describe(e) });
    // a started server or pool would keep a half-started process alive
    process.exit(1);
  }
}

/** Version in the package.json beside the `dist` that holds the calling module. */
export function packageVersion(moduleUrl: string): string {
  const manifest = JSON.parse(readFileSync(new URL('../package.json', moduleUrl), 'utf8')) as { version: string };
  return manifest.version;
}
