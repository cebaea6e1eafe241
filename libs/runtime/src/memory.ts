import { readFileSync, writeFileSync } from 'node:fs';

export interface MemoryUse<T> {
  readonly result: T;
  /** Resident bytes of the process before, the most during, and after the work. */
  readonly before: number;
  readonly peak: number;
  readonly after: number;
}

/** Resident bytes now (`VmRSS`) or at most since the last reset (`VmHWM`), where the system tells (Linux). */
function status(field: 'VmRSS' | 'VmHWM'): number | undefined {
  try {
    const kib = new RegExp(`^${field}:\\s*(\\d+) kB`, 'm').exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
    return kib === undefined ? undefined : Number(kib) * 1024;
  } catch {
    // not Linux: the caller falls back to what Node knows
    return undefined;
  }
}

/** Starts the system's high-water mark anew (man 5 proc, clear_refs). @returns whether it did */
function resetPeak(): boolean {
  try {
    writeFileSync('/proc/self/clear_refs', '5');
    return true;
  } catch {
    return false;
  }
}

/**
 * Memory of the process while `work` runs. On Linux the peak is the kernel's own high-water mark and misses nothing; elsewhere it is the larger of the
 * values before and after. Other work of the same process counts as well.
 */
export async function measureMemory<T>(work: () => Promise<T>): Promise<MemoryUse<T>> {
  const exact = resetPeak();
  const before = status('VmRSS') ?? process.memoryUsage.rss();
  const result = await work();
  const after = status('VmRSS') ?? process.memoryUsage.rss();
  const peak = Math.max(before, after, (exact ? status('VmHWM') : undefined) ?? 0);
  return { result, before, peak, after };
}
