import { Injectable } from '@nestjs/common';
import { Database, type Durability } from '../db/database.js';
import { codeOf } from '../db/error-code.js';
import type { Trx } from '../db/tables.js';
import { EventHub } from '../events/hub.js';
import { Relay } from '../outbox/relay.js';
import { settleDependants } from './dependants.js';
import type { JobDraft } from './draft.js';
import { lockJobs, saveDrafts } from './store.js';

const ATTEMPTS = 5;
// https://www.postgresql.org/docs/current/errcodes-appendix.html: serialization failure, deadlock
const AGAIN = new Set(['40001', '40P01']);

export type DraftMap = ReadonlyMap<string, JobDraft>;

/** The one way to change jobs: lock, change, save, settle what waits for them, commit; then tell the streams and the relay. */
@Injectable()
export class JobChanges {
  constructor(
    private readonly db: Database,
    private readonly hub: EventHub,
    private readonly relay: Relay,
  ) {}

  /**
   * Runs `work` on the locked jobs. It may run again after a deadlock: it must have no effect but on the drafts and in `trx`. With
   * `tenantId`, jobs of other tenants are not among the drafts.
   */
  async change<T>(
    ids: readonly string[],
    work: (drafts: DraftMap, trx: Trx) => T | Promise<T>,
    options: { tenantId?: string; durability?: Durability } = {},
  ): Promise<T> {
    return this.transaction(async (trx, track) => {
      const drafts = await lockJobs(trx, ids, options.tenantId);
      const result = await work(drafts, trx);
      await track([...drafts.values()]);
      return result;
    }, options.durability);
  }

  /** For work that locks jobs itself (with `lockJobs`) and hands them to `track`, which saves them. */
  async transaction<T>(
    work: (trx: Trx, track: (drafts: readonly JobDraft[]) => Promise<void>) => Promise<T>,
    durability?: Durability,
  ): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      const changed: JobDraft[] = [];
      try {
        const result = await this.db.transaction(
          (trx) =>
            work(trx, async (drafts) => {
              await saveDrafts(trx, drafts);
              changed.push(...drafts.filter((d) => d.changed));
              const ended = drafts.filter((d) => d.ended);
              if (ended.length) changed.push(...(await settleDependants(trx, ended, new Date())));
            }),
          durability,
        );
        this.announce(changed);
        return result;
      } catch (e) {
        if (attempt >= ATTEMPTS || !AGAIN.has(codeOf(e))) throw e;
      }
    }
  }

  private announce(changed: readonly JobDraft[]): void {
    this.hub.announce(changed.filter((d) => d.events.length).map((d) => d.row.id));
    if (changed.some((d) => d.enqueue)) this.relay.wake();
  }
}
