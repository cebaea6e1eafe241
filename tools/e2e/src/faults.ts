import fs from 'node:fs';
import type { JobView } from '@strata/contracts';
import { sleep, type Client } from './client.js';

/** Process ids of the direct children of `pid` (Linux). */
export function childrenOf(pid: number): number[] {
  return fs
    .readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((candidate) => {
      try {
        // the command name may hold blanks and brackets: the parent's id is the second field after the last ')'
        const stat = fs.readFileSync(`/proc/${candidate}/stat`, 'utf8');
        return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]) === pid;
      } catch {
        return false;
      }
    });
}

/** True while the process exists and is not a zombie. */
export function alive(pid: number): boolean {
  try {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat[stat.lastIndexOf(')') + 2] !== 'Z';
  } catch {
    return false;
  }
}

export interface Submitted {
  ids: string[];
  /** Requests that had to be repeated because the platform answered 5xx or not at all. */
  repeated: number;
}

/**
 * Submits `n` jobs from `clients` loops. A request that fails is repeated with its idempotency key until it is accepted, as a careful
 * client does, so that the number of jobs must come out exact whatever was killed meanwhile.
 */
export async function submitMany(client: Client, n: number, clients: number, name: string): Promise<Submitted> {
  const ids: string[] = new Array<string>(n);
  let next = 0;
  let repeated = 0;
  const loop = async (): Promise<void> => {
    while (next < n) {
      const i = next++;
      for (const end = Date.now() + 90_000; ;) {
        try {
          const r = await client.send<JobView>(
            'POST',
            '/api/jobs',
            {
              recipe: 'diagnostics/ping',
              params: { echo: `${name}-${i}` },
              metadata: { run: name, i: String(i) },
              limits: { attempts: 10 },
            },
            { 'idempotency-key': `${name}-${i}` },
          );
          if (r.status < 300) {
            ids[i] = r.body.id;
            break;
          }
          if (r.status < 500 && r.status !== 429) throw new Error(`job ${i}: ${r.status} ${JSON.stringify(r.body)}`);
        } catch (e) {
          if (Date.now() > end || (e instanceof Error && e.message.startsWith('job '))) throw e;
        }
        repeated++;
        await sleep(200);
      }
    }
  };
  await Promise.all(Array.from({ length: clients }, loop));
  return { ids, repeated };
}
