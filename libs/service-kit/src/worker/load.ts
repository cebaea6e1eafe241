import os from 'node:os';
import { memoryOf } from './memory.js';

export interface Load {
  /** Share of the machine's processors that was busy since the last call, 0 to 1. */
  readonly cpuFraction: number;
  /** Memory of this process and the given ones. */
  readonly memoryBytes: number;
}

function times(): { busy: number; all: number } {
  let busy = 0;
  let all = 0;
  for (const { times: t } of os.cpus()) {
    const working = t.user + t.nice + t.sys + t.irq;
    busy += working;
    all += working + t.idle;
  }
  return { busy, all };
}

export function createLoadMeter(): (pids: readonly number[]) => Promise<Load> {
  let before = times();
  return async (pids) => {
    const now = times();
    const all = now.all - before.all;
    const cpuFraction = all > 0 ? Math.min(1, Math.max(0, (now.busy - before.busy) / all)) : 0;
    before = now;
    const memory = await Promise.all([process.pid, ...pids].map(memoryOf));
    return { cpuFraction, memoryBytes: memory.reduce<number>((n, m) => n + (m ?? 0), 0) };
  };
}
