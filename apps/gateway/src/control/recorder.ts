import { Injectable, Logger } from '@nestjs/common';
import { JobEventBody, type JobOutput } from '@strata/contracts';
import type { control } from '@strata/contracts/grpc';
import { StrataError, toStrataError } from '@strata/kernel';
import { isLost } from '../db/error-code.js';
import type { Trx } from '../db/tables.js';
import { JobChanges } from '../jobs/changes.js';
import type { JobDraft } from '../jobs/draft.js';
import type { RecordedOutput } from '../jobs/job.table.js';
import { admits, applyReport, begin, plausibleTime, type WorkerReport } from '../jobs/rules.js';
import { lockJobs } from '../jobs/store.js';
import { DatasetRegistrar, ModelRegistrar } from '../resources.js';

type WorkerEvent = control.WorkerEvent;

/** A success that cannot be kept becomes a failure; anything else that cannot be kept is left out. */
type Rescue = 'none' | 'as-failure';

/** Records what workers report: each event once, in the order of its worker, and only while its attempt is the one that counts. */
@Injectable()
export class EventRecorder {
  private readonly log = new Logger(EventRecorder.name);

  constructor(
    private readonly changes: JobChanges,
    private readonly datasets: DatasetRegistrar,
    private readonly models: ModelRegistrar,
  ) {}

  /**
   * Returns when the events are committed: jobs that the worker should stop, for their reports count no more.
   * @throws the database's error when it cannot be reached; nothing is recorded then, and the same events can be given again
   */
  async record(workerId: string, events: readonly WorkerEvent[]): Promise<Set<string>> {
    try {
      return await this.commit(workerId, events, 'none');
    } catch (e) {
      if (isLost(e)) throw e;
      if (events.length > 1) {
        const unwanted = new Set<string>();
        for (const event of events) for (const id of await this.record(workerId, [event])) unwanted.add(id);
        return unwanted;
      }
      this.log.error({ err: e, worker: workerId, job_id: events[0]?.jobId }, 'an event could not be recorded as it is');
      return this.commit(workerId, events, 'as-failure', e);
    }
  }

  private commit(
    workerId: string,
    events: readonly WorkerEvent[],
    rescue: Rescue,
    error?: unknown,
  ): Promise<Set<string>> {
    return this.changes.transaction(async (trx, track) => {
      const unwanted = new Set<string>();
      // one recorder at a time for each worker: a stream that was replaced by a new one may still have events in hand
      const worker = await trx
        .selectFrom('worker')
        .select('acked_seq')
        .where('id', '=', workerId)
        .forUpdate()
        .executeTakeFirst();
      if (!worker) throw new StrataError('conflict', `worker ${workerId} reports events and has not said hello`);
      const fresh = after(worker.acked_seq, events);
      if (!fresh.length) return unwanted;
      const drafts = await lockJobs(trx, [...new Set(fresh.map((e) => e.jobId))]);
      const now = new Date();
      for (const event of fresh) {
        const draft = drafts.get(event.jobId);
        const report = this.reportOf(workerId, event, rescue === 'as-failure' ? error : undefined);
        if (!draft || !report) continue;
        if (!admits(draft, report)) {
          if (!ENDING.has(report.body.type)) unwanted.add(event.jobId);
          continue;
        }
        const at = plausibleTime(draft, report.at, now);
        if (report.body.type === 'succeeded') await this.succeed(trx, draft, report, report.body, at);
        else applyReport(draft, report, at);
      }
      await track([...drafts.values()]);
      const acked = fresh.at(-1)?.seq ?? worker.acked_seq;
      await trx.updateTable('worker').set({ acked_seq: acked }).where('id', '=', workerId).execute();
      return unwanted;
    });
  }

  /** Undefined for an event of no use: what cannot be read, unless it was an end. */
  private reportOf(workerId: string, event: WorkerEvent, error: unknown): WorkerReport | undefined {
    const report = { workerId, attempt: event.attempt, at: new Date(event.timeMs) };
    const body = parseBody(event.bodyJson);
    const isEnd = body
      ? body.type === 'succeeded'
      : /"type":\s*"(succeeded|failed|cancelled|paused)"/.test(event.bodyJson);
    if (body && error === undefined) return { ...report, body };
    if (!isEnd) {
      this.log.error({ worker: workerId, job_id: event.jobId, seq: event.seq }, 'an event was left out');
      return undefined;
    }
    const reason =
      error === undefined
        ? 'this gateway cannot read it: run the same version everywhere'
        : toStrataError(error).message;
    const failure = {
      code: 'internal' as const,
      message: `the end of the run could not be recorded: ${reason}`,
      retryable: false,
    };
    return { ...report, body: { type: 'failed', failure, will_retry: false } };
  }

  /** The outputs become datasets and model versions in the same transaction. */
  private async succeed(
    trx: Trx,
    draft: JobDraft,
    report: WorkerReport,
    body: Extract<JobEventBody, { type: 'succeeded' }>,
    at: Date,
  ): Promise<void> {
    const { row } = draft;
    begin(draft, report, at);
    const inputs = Object.fromEntries(Object.entries(row.resolved ?? {}).map(([name, input]) => [name, input.id]));
    const outputs: Record<string, RecordedOutput> = {};
    for (const [name, output] of Object.entries(body.outputs)) {
      const register = row.register[name] ?? null;
      const origin = { tenantId: row.tenant_id, jobId: row.id, recipe: row.recipe, output: name, register, inputs, at };
      outputs[name] = { output, id: await this.register(trx, origin, output) };
    }
    draft.patch({ result: body.result, outputs });
    draft.record(body, at, report.attempt);
    draft.to('succeeded', `attempt ${report.attempt} is done`, at);
  }

  private async register(
    trx: Trx,
    origin: Parameters<DatasetRegistrar['register']>[1],
    output: JobOutput,
  ): Promise<string | null> {
    if (output.kind === 'dataset') return this.datasets.register(trx, origin, output);
    if (output.kind === 'model') return this.models.register(trx, origin, output);
    return null;
  }
}

/** Those that count up from what is recorded: an event that was sent twice counts once. */
function after(acked: number, events: readonly WorkerEvent[]): WorkerEvent[] {
  let last = acked;
  return events.filter((e) => {
    const fresh = e.seq > last;
    if (fresh) last = e.seq;
    return fresh;
  });
}

const ENDING = new Set<JobEventBody['type']>(['succeeded', 'failed', 'cancelled', 'paused']);

function parseBody(text: string): JobEventBody | undefined {
  try {
    return JobEventBody.safeParse(JSON.parse(text)).data;
  } catch (e) {
    if (e instanceof SyntaxError) return undefined;
    throw e;
  }
}
