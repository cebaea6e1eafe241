import { Injectable } from '@nestjs/common';
import { Database } from '../db/database.js';
import { type GroupCommit, groupCommit } from '../db/group-commit.js';
import { queueItem, queueNameOf } from '../outbox/item.js';
import { Relay } from '../outbox/relay.js';
import { type Insertion, insertJobsQuery } from './store.js';

/** Stores new jobs, many in one commit, and hands them to the relay. */
@Injectable()
export class Submitter {
  private readonly group: GroupCommit<Insertion, boolean>;

  constructor(
    private readonly db: Database,
    private readonly relay: Relay,
  ) {
    // two: while one commit waits for the disk, the next one is being made
    this.group = groupCommit({ most: 256, flying: 2, run: (insertions) => this.insert(insertions) });
  }

  /** Returns when the job is committed: it will run. False: another request has used the idempotency key. */
  submit(insertion: Insertion): Promise<boolean> {
    return this.group.add(insertion);
  }

  private async insert(insertions: readonly Insertion[]): Promise<boolean[]> {
    const { rows } = await this.db.pool.query<{ id: string }>(insertJobsQuery(insertions));
    const ids = new Set(rows.map((r) => r.id));
    const inserted = insertions.map(({ job }) => ids.has(job.id));
    const jobs = insertions.filter((_, i) => inserted[i]).map(({ job }) => job);
    this.relay.offer(jobs.map((job) => ({ queue: queueNameOf(job.queue), item: queueItem(job) })));
    return inserted;
  }
}
