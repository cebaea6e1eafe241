import type { JobSpec, QueueName } from '@strata/contracts';
import type { QueueItem } from '@strata/queue';
import type { JobRow } from '../jobs/job.table.js';

/** Before attempt n + 1 the queue waits 1 s · 2^(n−1). */
const BACKOFF = { type: 'exponential', delayMs: 1_000 } as const;

export const queueNameOf = (queue: QueueName): string => `strata-${queue}`;

type Queued = Pick<
  JobRow,
  | 'id'
  | 'tenant_id'
  | 'request_id'
  | 'recipe'
  | 'params'
  | 'resolved'
  | 'seed'
  | 'device'
  | 'limits'
  | 'priority'
  | 'not_before'
> & { readonly attempt?: number };

/** A job as the queue takes it; the payload is all that a worker needs. */
export function queueItem(row: Queued): QueueItem {
  const spec: JobSpec = {
    job_id: row.id,
    tenant_id: row.tenant_id,
    request_id: row.request_id,
    recipe: row.recipe,
    params: row.params,
    inputs: row.resolved ?? {},
    seed: row.seed,
    device: row.device,
    limits: row.limits,
    ...(row.attempt ? { attempt_base: row.attempt } : {}),
  };
  const delayMs = row.not_before ? Math.max(0, row.not_before.getTime() - Date.now()) : 0;
  return {
    id: row.id,
    payload: spec,
    attempts: row.limits.attempts,
    backoff: BACKOFF,
    ...(row.priority ? { priority: row.priority } : {}),
    ...(delayMs ? { delayMs } : {}),
  };
}
