import {
  Inject,
  Injectable,
  Logger,
  type BeforeApplicationShutdown,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import { setTimeout as sleep } from 'node:timers/promises';
import { isStrataError } from '@strata/kernel';
import type { QueueItem, QueuePort } from '@strata/queue';
import { sql } from 'kysely';
import { Database } from '../db/database.js';
import type { JobRow } from '../jobs/job.table.js';
import { QUEUE } from '../platform/platform.module.js';
import { queueItem, queueNameOf } from './item.js';

export interface Offer {
  readonly queue: string;
  readonly item: QueueItem;
}

const BULK = 500;
/** More than this is not kept in memory: the table has it anyway. */
const MOST_OFFERS = 20_000;
const SCAN = 100;
const SCAN_EVERY_MS = 1_000;
const BUSY_RETRY_MS = 200;
/** Under load a bulk gathers for so long: fewer, fuller round trips. A job that comes alone waits for nothing. */
const GATHER_MS = 4;

/**
 * Carries the outbox into the queue. New jobs of this process go straight over, in bulks; a scan of the table brings what a crash or an
 * outage left behind, and jobs that run again. Adding twice does no harm: the queue's id is the job's, and a worker asks (Claim) before it runs one.
 */
@Injectable()
export class Relay implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private offers: Offer[] = [];
  private sending: Promise<void> | undefined;
  private scanning: Promise<void> | undefined;
  private scanAgain = false;
  private timer: NodeJS.Timeout | undefined;
  private stopped = false;
  private readonly log = new Logger(Relay.name);

  constructor(
    private readonly db: Database,
    @Inject(QUEUE) private readonly queue: QueuePort,
  ) {}

  onApplicationBootstrap(): void {
    this.timer = setInterval(() => this.wake(), SCAN_EVERY_MS);
    this.wake();
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.stopped = true;
    clearInterval(this.timer);
    await this.sending;
    await this.scanning;
  }

  /** For jobs whose rows have just been committed with `again = false`. */
  offer(offers: readonly Offer[]): void {
    if (this.stopped || this.offers.length + offers.length > MOST_OFFERS) return;
    this.offers.push(...offers);
    this.sending ??= this.send().finally(() => (this.sending = undefined));
  }

  /** There may be something to scan for. */
  wake(): void {
    if (this.stopped) return;
    this.scanAgain = true;
    this.scanning ??= this.scan().finally(() => (this.scanning = undefined));
  }

  private async send(): Promise<void> {
    while (this.offers.length) {
      const bulk = this.offers.slice(0, BULK);
      this.offers = this.offers.slice(BULK);
      try {
        await this.addBulk(bulk);
        await this.db.relaxed.query({
          name: 'outbox-sent',
          text: 'delete from gateway.outbox where job_id = any($1) and not again',
          values: [bulk.map((o) => o.item.id)],
        });
      } catch (e) {
        // they are in the table: the scan tries again
        this.log.warn({ err: e }, `${bulk.length} jobs were not enqueued yet`);
      }
      if (this.offers.length && !this.stopped) await sleep(GATHER_MS);
    }
  }

  private async addBulk(offers: readonly Offer[]): Promise<void> {
    const byQueue = new Map<string, QueueItem[]>();
    for (const { queue, item } of offers) byQueue.set(queue, [...(byQueue.get(queue) ?? []), item]);
    await Promise.all([...byQueue].map(([queue, items]) => this.queue.addBulk(queue, items)));
  }

  private async scan(): Promise<void> {
    while (this.scanAgain && !this.stopped) {
      this.scanAgain = false;
      try {
        const found = await this.scanOnce();
        if (found === SCAN) this.scanAgain = true;
      } catch (e) {
        this.log.warn({ err: e }, 'the outbox could not be carried over; trying again');
        return;
      }
    }
  }

  /** Rows that another gateway works on are skipped. */
  private async scanOnce(): Promise<number> {
    return this.db.transaction(async (trx) => {
      const rows = await trx
        .selectFrom('outbox')
        .innerJoin('job', 'job.id', 'outbox.job_id')
        .selectAll('job')
        .select('outbox.again')
        .where('outbox.not_before', '<=', sql<Date>`now()`)
        .orderBy('outbox.not_before')
        .limit(SCAN)
        .forUpdate('outbox')
        .skipLocked()
        .execute();
      const queued = rows.filter((row) => row.state === 'queued');
      const fresh = queued.filter((row) => !row.again);
      await this.addBulk(fresh.map((row) => ({ queue: queueNameOf(row.queue), item: queueItem(row) })));
      const busy: string[] = [];
      for (const row of queued) if (row.again && !(await this.requeue(row))) busy.push(row.id);
      const done = rows.map((row) => row.id).filter((id) => !busy.includes(id));
      if (done.length) await trx.deleteFrom('outbox').where('job_id', 'in', done).execute();
      if (busy.length) {
        const later = sql<Date>`now() + ${BUSY_RETRY_MS} * interval '1 millisecond'`;
        await trx.updateTable('outbox').set({ not_before: later }).where('job_id', 'in', busy).execute();
        setTimeout(() => this.wake(), BUSY_RETRY_MS + 10).unref();
      }
      return rows.length;
    });
  }

  /** False while the queue still holds the job's run before this one. */
  private async requeue(row: JobRow): Promise<boolean> {
    try {
      await this.queue.add(queueNameOf(row.queue), { ...queueItem(row), requeue: true });
      return true;
    } catch (e) {
      if (isStrataError(e) && e.code === 'conflict') return false;
      throw e;
    }
  }
}
