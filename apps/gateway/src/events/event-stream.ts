import { ENDED, type JobEvent } from '@strata/contracts';
import { BeforeApplicationShutdown, Injectable } from '@nestjs/common';
import { Database } from '../db/database.js';
import { readJob } from '../jobs/store.js';
import { eventView } from '../jobs/view.js';
import { EventHub } from './hub.js';

const HEARTBEAT_MS = 15_000;
const CHUNK = 500;
/** How long a client waits before it comes back, when the gateway goes away. */
const RETRY_MS = 1_000;

const frame = (event: JobEvent): string =>
  `id: ${event.seq}\nevent: ${event.body.type}\ndata: ${JSON.stringify(event)}\n\n`;

/**
 * The events of a job as server-sent events: all after `after` that are recorded, then each new one, until the job has ended. A stream
 * reads the table from where it stands whenever it hears that there is news, so nothing is missed between replay and live, nothing comes twice.
 */
@Injectable()
export class EventStreams implements BeforeApplicationShutdown {
  private readonly closing = new AbortController();

  constructor(
    private readonly db: Database,
    private readonly hub: EventHub,
  ) {}

  /** Ends every stream; its client comes back, to another gateway or to this one after its restart. */
  beforeApplicationShutdown(): void {
    this.closing.abort();
  }

  /** @throws StrataError `not_found`, at once */
  async open(tenantId: string, jobId: string, after: number): Promise<AsyncGenerator<string>> {
    await readJob(this.db.kysely, tenantId, jobId);
    return this.follow(tenantId, jobId, after);
  }

  private async *follow(tenantId: string, jobId: string, after: number): AsyncGenerator<string> {
    let wake = (): void => {};
    let news = true;
    const stop = this.hub.listen(jobId, () => {
      news = true;
      wake();
    });
    const onClosing = (): void => wake();
    this.closing.signal.addEventListener('abort', onClosing);
    try {
      yield `retry: ${RETRY_MS}\n\n`;
      let seq = after;
      while (!this.closing.signal.aborted) {
        news = false;
        for (;;) {
          const events = await this.read(jobId, seq);
          if (events.length) yield events.map(frame).join('');
          seq = events.at(-1)?.seq ?? seq;
          if (events.length < CHUNK) break;
        }
        const job = await readJob(this.db.kysely, tenantId, jobId);
        // an event may have come between the two readings
        if (job.last_seq > seq) continue;
        if (ENDED.has(job.state)) return;
        if (news || this.closing.signal.aborted) continue;
        if (!(await waitFor((resolve) => (wake = resolve)))) yield ': still here\n\n';
      }
    } finally {
      stop();
      this.closing.signal.removeEventListener('abort', onClosing);
    }
  }

  private async read(jobId: string, after: number): Promise<JobEvent[]> {
    const rows = await this.db.kysely
      .selectFrom('job_event')
      .selectAll()
      .where('job_id', '=', jobId)
      .where('seq', '>', after)
      .orderBy('seq')
      .limit(CHUNK)
      .execute();
    return rows.map(eventView);
  }
}

/** True when woken, false after the time of a heartbeat. */
function waitFor(onWake: (resolve: () => void) => void): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(false), HEARTBEAT_MS);
    onWake(() => {
      clearTimeout(timer);
      resolve(true);
    });
  });
}
