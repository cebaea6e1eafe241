import { Inject, Injectable, Logger } from '@nestjs/common';
import { QUEUES } from '@strata/contracts';
import type { QueuePort } from '@strata/queue';
import { sql } from 'kysely';
import { Database } from '../db/database.js';
import { JobChanges } from '../jobs/changes.js';
import type { JobDraft } from '../jobs/draft.js';
import { queueNameOf } from '../outbox/item.js';
import { QUEUE } from '../platform/platform.module.js';

const PAGE = 1_000;

/**
 * Finds jobs that should be in the queue and are not: its backend lost its memory, or gave a job up because its workers died too often. A job
 * counts as forgotten when two runs in a row miss it and nothing happened to it in between; the report of its end may just be on its way.
 */
@Injectable()
export class Reconciler {
  /** Number of the latest event of each job that the last run missed. */
  private missed = new Map<string, number>();
  private readonly log = new Logger(Reconciler.name);

  constructor(
    private readonly db: Database,
    private readonly changes: JobChanges,
    @Inject(QUEUE) private readonly queue: QueuePort,
  ) {}

  async run(): Promise<void> {
    const missing = new Map<string, number>();
    for (const queue of QUEUES) {
      let after = '';
      for (;;) {
        const rows = await this.candidates(queue, after);
        const seqs = new Map(rows.map((r) => [r.id, r.last_seq]));
        for (const id of await this.queue.missing(queueNameOf(queue), [...seqs.keys()]))
          missing.set(id, seqs.get(id) ?? 0);
        if (rows.length < PAGE) break;
        after = rows.at(-1)?.id ?? '';
      }
    }
    const forgotten = [...missing].filter(([id, seq]) => this.missed.get(id) === seq).map(([id]) => id);
    this.missed = missing;
    if (forgotten.length) await this.bringBack(forgotten);
  }

  /** Jobs that no outbox row speaks for: queued ones, and running ones that their worker does not know of. */
  private candidates(queue: (typeof QUEUES)[number], after: string): Promise<{ id: string; last_seq: number }[]> {
    return this.db.kysely
      .selectFrom('job')
      .leftJoin('worker', 'worker.id', 'job.worker_id')
      .leftJoin('outbox', 'outbox.job_id', 'job.id')
      .select(['job.id', 'job.last_seq'])
      .where('job.ended_at', 'is', null)
      .where('job.queue', '=', queue)
      .where('job.id', '>', after)
      .where('outbox.job_id', 'is', null)
      .where((e) =>
        e.or([
          e('job.state', '=', 'queued'),
          e.and([e('job.state', '=', 'running'), sql<boolean>`not (job.id = any(coalesce(worker.running, '{}')))`]),
        ]),
      )
      .orderBy('job.id')
      .limit(PAGE)
      .execute();
  }

  private async bringBack(ids: readonly string[]): Promise<void> {
    this.log.warn(
      { count: ids.length, first: ids[0] },
      'the queue does not know jobs that wait in it: bringing them back',
    );
    await this.changes.change(ids, (drafts) => {
      for (const draft of drafts.values()) if (this.missed.get(draft.row.id) === draft.row.last_seq) bringBack(draft);
    });
    for (const id of ids) this.missed.delete(id);
  }
}

function bringBack(draft: JobDraft): void {
  const { row } = draft;
  const now = new Date();
  if (row.state !== 'queued' && row.state !== 'running') return;
  if (row.attempt - row.fence >= row.limits.attempts) {
    const message = `its workers died in each of its ${row.attempt - row.fence} attempts: see their logs, then retry the job`;
    draft.fail({ code: 'worker_lost', message, retryable: true }, now);
    return;
  }
  if (row.state === 'running') draft.to('queued', 'worker_lost: its worker does not know of it', now);
  draft.patch({ not_before: null });
  draft.enqueue = true;
}
