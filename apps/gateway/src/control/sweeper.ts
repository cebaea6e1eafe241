import { BeforeApplicationShutdown, Inject, Injectable, Logger, type OnApplicationBootstrap } from '@nestjs/common';
import { sql } from 'kysely';
import { KeyCache } from '../auth/key-cache.js';
import { CONFIG, type Config } from '../config.js';
import { Database } from '../db/database.js';
import { JobChanges } from '../jobs/changes.js';
import type { JobDraft } from '../jobs/draft.js';
import { Reconciler } from './reconciler.js';

const EVERY_MS = 1_000;
const SLOW_EVERY_MS = 15_000;
const IDEMPOTENCY_HOURS = 24;
const FORGET_WORKER_DAYS = 7;
const MOST_AT_ONCE = 500;

/** Looks after what nobody reports: workers that went silent, cancellations that were not confirmed, jobs that the queue forgot. */
@Injectable()
export class Sweeper implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly timers: NodeJS.Timeout[] = [];
  private readonly sweeps = new Set<Promise<void>>();
  private readonly started = Date.now();
  private readonly log = new Logger(Sweeper.name);

  constructor(
    private readonly db: Database,
    private readonly changes: JobChanges,
    private readonly reconciler: Reconciler,
    private readonly keys: KeyCache,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  onApplicationBootstrap(): void {
    this.every(EVERY_MS, async () => {
      await this.endUnconfirmedCancellations();
      // after a restart workers need time to come back before they count as lost
      if (Date.now() - this.started > this.config.WORKER_TIMEOUT_S * 1000) await this.dropLostWorkers();
    });
    this.every(SLOW_EVERY_MS, async () => {
      await this.keys.flushUsed();
      if (Date.now() - this.started > 2 * this.config.WORKER_TIMEOUT_S * 1000) await this.reconciler.run();
    });
    this.every(3_600_000, () => this.forgetOldRows());
  }

  async beforeApplicationShutdown(): Promise<void> {
    for (const timer of this.timers) clearInterval(timer);
    await Promise.all(this.sweeps);
  }

  /** The queue itself gives the jobs of a lost worker to another one, once their locks run out; here their rows follow. */
  async dropLostWorkers(): Promise<void> {
    const silent = sql<Date>`now() - ${this.config.WORKER_TIMEOUT_S} * interval '1 second'`;
    const lost = await this.db.kysely
      .updateTable('worker')
      .set({ state: 'offline', running: sql`'{}'` })
      .where('state', '=', 'online')
      .where('last_seen_at', '<', silent)
      .returning('id')
      .execute();
    for (const { id } of lost) this.log.warn({ worker: id }, 'a worker is lost');
    const jobs = await this.running()
      .leftJoin('worker', 'worker.id', 'job.worker_id')
      .where('job.running_since', '<', silent)
      .where((e) =>
        e.or([
          e('worker.id', 'is', null),
          e.and([e('worker.state', '=', 'offline'), e('worker.last_seen_at', '<', silent)]),
        ]),
      )
      .execute();
    await this.settle(jobs, (draft) => {
      const { row } = draft;
      const now = new Date();
      const pause = row.pause_requested_at !== null;
      if (row.cancel_requested_at) {
        draft.to('cancelled', 'as requested; its worker is lost', now);
        return;
      }
      draft.to('queued', `worker_lost: worker ${row.worker_id ?? '?'} is lost`, now);
      if (pause) draft.to('paused', 'as requested', now);
    });
  }

  async endUnconfirmedCancellations(): Promise<void> {
    const seconds = this.config.CANCEL_TIMEOUT_S;
    const jobs = await this.running()
      .where('job.cancel_requested_at', '<', sql<Date>`now() - ${seconds} * interval '1 second'`)
      .execute();
    await this.settle(jobs, (draft) => {
      if (draft.row.cancel_requested_at)
        draft.to('cancelled', `as requested; its worker did not confirm within ${seconds} s`, new Date());
    });
  }

  private running() {
    return this.db.kysely
      .selectFrom('job')
      .select('job.id')
      .where('job.state', '=', 'running')
      .where('job.ended_at', 'is', null)
      .limit(MOST_AT_ONCE);
  }

  /** Changes jobs that were found, as far as they still run when they are locked. */
  private async settle(jobs: readonly { id: string }[], work: (draft: JobDraft) => void): Promise<void> {
    if (!jobs.length) return;
    await this.changes.change(
      jobs.map((j) => j.id),
      (drafts) => {
        for (const draft of drafts.values()) if (draft.row.state === 'running') work(draft);
      },
    );
  }

  private async forgetOldRows(): Promise<void> {
    const hours = sql<Date>`now() - ${IDEMPOTENCY_HOURS} * interval '1 hour'`;
    await this.db.kysely.deleteFrom('idempotency').where('created_at', '<', hours).execute();
    const days = sql<Date>`now() - ${FORGET_WORKER_DAYS} * interval '1 day'`;
    await this.db.kysely.deleteFrom('worker').where('state', '=', 'offline').where('last_seen_at', '<', days).execute();
  }

  /** Never twice at once. */
  private every(ms: number, work: () => Promise<void>): void {
    let busy = false;
    const timer = setInterval(() => {
      if (busy) return;
      busy = true;
      const run = work()
        .catch((e: unknown) => this.log.warn({ err: e }, 'a sweep failed; the next one tries again'))
        .finally(() => {
          busy = false;
          this.sweeps.delete(run);
        });
      this.sweeps.add(run);
    }, ms);
    this.timers.push(timer);
  }
}
