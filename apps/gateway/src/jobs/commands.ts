import { Inject, Injectable, Logger } from '@nestjs/common';
import { ENDED, type JobView } from '@strata/contracts';
import { StrataError } from '@strata/kernel';
import type { QueuePort } from '@strata/queue';
import { getRecipe } from '@strata/recipes';
import { CommandBus } from '../control/command-bus.js';
import type { Trx } from '../db/tables.js';
import { queueNameOf } from '../outbox/item.js';
import { QUEUE } from '../platform/platform.module.js';
import { JobChanges } from './changes.js';
import { release } from './dependants.js';
import type { JobDraft } from './draft.js';
import type { JobRow } from './job.table.js';
import { notFound, parentStates } from './store.js';
import { jobView } from './view.js';

/** What people ask of a job. Each answer shows the job after the change. */
@Injectable()
export class JobCommands {
  private readonly log = new Logger(JobCommands.name);

  constructor(
    private readonly changes: JobChanges,
    private readonly commands: CommandBus,
    @Inject(QUEUE) private readonly queue: QueuePort,
  ) {}

  /** A job that runs is cancelled when its worker says so, or after a time limit anyway. */
  async cancel(tenantId: string, id: string): Promise<JobView> {
    const row = await this.apply(tenantId, id, (draft) => cancelDraft(draft, 'as requested', new Date()));
    await this.afterStop(row);
    return jobView(row);
  }

  async pause(tenantId: string, id: string): Promise<JobView> {
    const row = await this.apply(tenantId, id, (draft) => {
      const { state } = draft.row;
      if (state === 'paused' || (state === 'running' && draft.row.pause_requested_at)) return;
      if (state === 'queued') return draft.to('paused', 'as requested', new Date());
      if (state !== 'running') throw conflict(draft.row, 'paused', 'only a queued or running job can be paused');
      if (!getRecipe(draft.row.recipe).resumable)
        throw conflict(draft.row, 'paused', `recipe ${draft.row.recipe} saves no checkpoints: cancel the job instead`);
      draft.patch({ pause_requested_at: new Date() });
    });
    if (row.state === 'running') await this.commands.send({ kind: 'pause', workerId: row.worker_id, jobId: row.id });
    else await this.afterStop(row);
    return jobView(row);
  }

  async resume(tenantId: string, id: string): Promise<JobView> {
    const row = await this.apply(tenantId, id, (draft) => {
      if (draft.row.state === 'queued') return;
      if (draft.row.state !== 'paused')
        throw conflict(
          draft.row,
          'resumed',
          draft.row.pause_requested_at ? 'it is about to pause: wait until it has' : 'only a paused job can be resumed',
        );
      draft.requeue('resumed', new Date());
    });
    return jobView(row);
  }

  /** Runs a failed or cancelled job again, from its latest checkpoint if it has one. */
  async retry(tenantId: string, id: string): Promise<JobView> {
    const row = await this.apply(tenantId, id, async (draft, trx) => {
      const { state } = draft.row;
      if (state !== 'failed' && state !== 'cancelled')
        throw conflict(draft.row, 'retried', 'only a failed or cancelled job can be retried');
      const parents = [...((await parentStates(trx, [id])).get(id) ?? [])];
      const unfinished = parents.find(([, s]) => s !== 'succeeded');
      if (unfinished) throw conflict(draft.row, 'retried', `it needs job ${unfinished[0]}, which is ${unfinished[1]}`);
      const now = new Date();
      draft.patch({ fence: draft.row.attempt, cancel_requested_at: null, progress: null, not_before: null });
      if (parents.length) await release(trx, draft, now, 'retried');
      else draft.requeue('retried', now);
    });
    return jobView(row);
  }

  /** After the commit: out of the queue, or a word to the worker. A job that slips through is refused when its worker asks. */
  async afterStop(row: JobRow): Promise<void> {
    if (row.state === 'running') await this.commands.send({ kind: 'cancel', workerId: row.worker_id, jobId: row.id });
    else
      await this.queue.remove(queueNameOf(row.queue), row.id).catch((e: unknown) => {
        this.log.warn({ err: e, job_id: row.id }, 'a stopped job stays in the queue until a worker asks for it');
      });
  }

  private apply(
    tenantId: string,
    id: string,
    work: (draft: JobDraft, trx: Trx) => void | Promise<void>,
  ): Promise<JobRow> {
    return this.changes.change(
      [id],
      async (drafts, trx) => {
        const draft = drafts.get(id);
        if (!draft) throw notFound(id);
        await work(draft, trx);
        return draft.row;
      },
      { tenantId },
    );
  }
}

const conflict = (row: JobRow, done: string, why: string): StrataError =>
  new StrataError('conflict', `job ${row.id} is ${row.state} and cannot be ${done}: ${why}`);

/** @throws StrataError `conflict` when it has ended otherwise */
export function cancelDraft(draft: JobDraft, cause: string, at: Date): void {
  const { row } = draft;
  if (row.state === 'cancelled') return;
  if (ENDED.has(row.state)) throw conflict(row, 'cancelled', 'it has ended');
  if (row.state !== 'running') draft.to('cancelled', cause, at);
  else if (!row.cancel_requested_at) draft.patch({ cancel_requested_at: at });
}
