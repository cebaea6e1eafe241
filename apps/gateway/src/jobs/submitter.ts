import { Injectable } from '@nestjs/common';
import { StrataError } from '@strata/kernel';
import { Database } from '../db/database.js';
import { queueItem, queueNameOf } from '../outbox/item.js';
import { Relay } from '../outbox/relay.js';
import { type Insertion, insertJobsQuery } from './store.js';

/** Most rows of one statement, and statements under way at once. Two: while one waits for the disk, the next one is being made. */
const MOST_ROWS = 256;
const FLYING = 2;

interface Waiting {
  readonly insertion: Insertion;
  /** True when the row was inserted, false when its idempotency key was taken. */
  readonly resolve: (inserted: boolean) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Group commit: requests that arrive while a transaction is under way go into the next one together, so many callers share one commit's
 * wait for the disk, and a lone caller waits for nobody.
 */
@Injectable()
export class Submitter {
  private waiting: Waiting[] = [];
  private flying = 0;
  private scheduled = false;

  constructor(
    private readonly db: Database,
    private readonly relay: Relay,
  ) {}

  /** Returns when the job is committed: it will run. False: another request has used the idempotency key. */
  submit(insertion: Insertion): Promise<boolean> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ insertion, resolve, reject });
      if (this.scheduled) return;
      this.scheduled = true;
      // requests that came in the same turn of the event loop travel together
      setImmediate(() => {
        this.scheduled = false;
        this.fly();
      });
    });
  }

  private fly(): void {
    while (this.waiting.length && this.flying < FLYING) {
      const batch = this.waiting.splice(0, MOST_ROWS);
      this.flying++;
      void this.flush(batch).finally(() => {
        this.flying--;
        this.fly();
      });
    }
  }

  private async flush(batch: readonly Waiting[]): Promise<void> {
    try {
      const { rows } = await this.db.pool.query<{ id: string }>(insertJobsQuery(batch.map((w) => w.insertion)));
      const inserted = new Set(rows.map((r) => r.id));
      this.relay.offer(
        batch.flatMap(({ insertion: { job } }) =>
          inserted.has(job.id) && job.state === 'queued'
            ? [{ queue: queueNameOf(job.queue), item: queueItem(job) }]
            : [],
        ),
      );
      for (const w of batch) w.resolve(inserted.has(w.insertion.job.id));
    } catch (e) {
      if (batch.length === 1 || isLost(e)) for (const w of batch) w.reject(e);
      // one row that the database refuses must not take the others with it
      else for (const w of batch) await this.flush([w]);
    }
  }
}

/** Without a connection each of the batch would fail again, one after the other. */
function isLost(e: unknown): boolean {
  if (e instanceof StrataError) return e.code === 'unavailable';
  const code = e instanceof Error && 'code' in e ? String(e.code) : '';
  return /^(08|57P|53)/.test(code) || !/^[0-9A-Z]{5}$/.test(code);
}
