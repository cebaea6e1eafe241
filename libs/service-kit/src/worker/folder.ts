import { mkdir, open, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { StrataError, newId } from '@strata/kernel';

/** A folder whose holder was last heard of longer ago is free, when its process cannot be looked up (another container). */
const STALE_MS = 15_000;
const BEAT_MS = 3_000;

export interface WorkerFolder {
  /** Stays the same over restarts. */
  readonly workerId: string;
  readonly spoolDir: string;
  readonly cacheDir: string;
  /** Emptied at each start. */
  readonly workDir: string;
  release(): Promise<void>;
}

interface Holder {
  readonly host: string;
  readonly pid: number;
  /** Start time of the process in clock ticks since boot (field 22 of /proc/pid/stat), because numbers of processes are used again. */
  readonly born: string;
}

async function bornAt(pid: number): Promise<string> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  // the name in parentheses may hold spaces
  return text.slice(text.lastIndexOf(')') + 2).split(' ')[19] ?? '';
}

async function isAlive(holder: Holder, file: string): Promise<boolean> {
  if (holder.host !== os.hostname()) {
    const { mtimeMs } = await stat(file);
    return Date.now() - mtimeMs < STALE_MS;
  }
  try {
    process.kill(holder.pid, 0);
  } catch {
    return false;
  }
  return (await bornAt(holder.pid)) === holder.born;
}

async function hold(dir: string): Promise<() => Promise<void>> {
  const file = path.join(dir, 'holder.json');
  const me: Holder = { host: os.hostname(), pid: process.pid, born: await bornAt(process.pid) };
  for (const until = Date.now() + STALE_MS + BEAT_MS; ; await sleep(500)) {
    try {
      const handle = await open(file, 'wx');
      await handle.writeFile(JSON.stringify(me)).finally(() => handle.close());
      break;
    } catch (e) {
      if ((e as NodeJS.ErrnoException).code !== 'EEXIST') throw e;
    }
    const other = JSON.parse((await readFile(file, 'utf8').catch(() => '')) || 'null') as Holder | null;
    if (!other || !(await isAlive(other, file).catch(() => false))) {
      await rm(file, { force: true });
      continue;
    }
    if (other.host === me.host || Date.now() > until)
      throw new StrataError(
        'not_writable',
        `the data folder ${dir} is used by another worker (process ${other.pid} on ${other.host}): give each worker a DATA_DIR of its own.`,
      );
  }
  const beat = setInterval(() => {
    const now = new Date();
    utimes(file, now, now).catch(() => undefined);
  }, BEAT_MS);
  beat.unref();
  return async () => {
    clearInterval(beat);
    await rm(file, { force: true });
  };
}

async function workerIdIn(dir: string): Promise<string> {
  const file = path.join(dir, 'worker-id');
  const known = (await readFile(file, 'utf8').catch(() => '')).trim();
  if (/^wrk_[0-9a-f]{32}$/.test(known)) return known;
  const id = newId('worker');
  const part = `${file}.part`;
  await writeFile(part, `${id}\n`);
  await rename(part, file);
  return id;
}

/**
 * Takes the worker's data folder for this process.
 * @throws StrataError `not_writable` when it cannot be written or another worker uses it
 */
export async function openWorkerFolder(dir: string): Promise<WorkerFolder> {
  const root = path.resolve(dir);
  const workDir = path.join(root, 'work');
  try {
    await mkdir(root, { recursive: true });
    const release = await hold(root);
    await rm(workDir, { recursive: true, force: true });
    await mkdir(workDir, { recursive: true });
    return {
      workerId: await workerIdIn(root),
      spoolDir: path.join(root, 'spool'),
      cacheDir: path.join(root, 'cache'),
      workDir,
      release,
    };
  } catch (e) {
    if (e instanceof StrataError) throw e;
    throw new StrataError(
      'not_writable',
      `the data folder ${root} cannot be written: ${(e as Error).message}. Correct its permissions or set DATA_DIR to another.`,
      { cause: e },
    );
  }
}
