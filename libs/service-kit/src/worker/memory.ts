import { readFile } from 'node:fs/promises';
import os from 'node:os';

const POLL_MS = 100;

/** Resident and swapped memory of a process in bytes (Linux); undefined when it is gone or the system does not tell. */
export async function memoryOf(pid: number): Promise<number | undefined> {
  const text = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  const kib = [...text.matchAll(/^Vm(?:RSS|Swap):\s+(\d+) kB$/gm)];
  return kib.length > 0 ? kib.reduce((n, m) => n + Number(m[1]) * 1024, 0) : undefined;
}

/** What this machine or container has, in MiB. */
export function machineMemoryMb(): number {
  const limit = process.constrainedMemory();
  return Math.floor((limit > 0 ? Math.min(limit, os.totalmem()) : os.totalmem()) / 2 ** 20);
}

/** Looks at a process ten times a second and calls `onExceed` once when it is above the limit. @returns how to stop */
export function watchMemory(pid: number, limitBytes: number, onExceed: (bytes: number) => void): () => void {
  let busy = false;
  const timer = setInterval(() => {
    if (busy) return;
    busy = true;
    void memoryOf(pid).then((bytes) => {
      busy = false;
      if (bytes === undefined || bytes <= limitBytes) return;
      clearInterval(timer);
      onExceed(bytes);
    });
  }, POLL_MS);
  return () => clearInterval(timer);
}
