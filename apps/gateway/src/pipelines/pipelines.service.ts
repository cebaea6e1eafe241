import { Injectable } from '@nestjs/common';
import { type CreatePipeline, ENDED, type ListQuery, type PipelineView } from '@strata/contracts';
import { newId, StrataError } from '@strata/kernel';
import type { Selectable } from 'kysely';
import { Database } from '../db/database.js';
import { json } from '../db/json.js';
import type { Trx } from '../db/tables.js';
import { type Page, readPage } from '../http/paging.js';
import { JobChanges } from '../jobs/changes.js';
import { cancelDraft, JobCommands } from '../jobs/commands.js';
import { findByIdempotency, idempotencyOf } from '../jobs/idempotency.js';
import type { JobRow, PipelineTable } from '../jobs/job.table.js';
import type { Created } from '../jobs/jobs.service.js';
import { JobPlanner } from '../jobs/planner.js';
import { type Idempotency, insertJobs, lockJobs, type NewJob } from '../jobs/store.js';
import { jobView, pipelineState } from '../jobs/view.js';
import { orderSteps } from './graph.js';

function pipelineView(row: Selectable<PipelineTable>, jobs: readonly JobRow[]): PipelineView {
  return {
    object: 'pipeline',
    id: row.id,
    name: row.name,
    state: pipelineState(jobs.map((j) => j.state)),
    jobs: Object.fromEntries(jobs.map((j) => [j.step ?? j.id, jobView(j)])),
    metadata: row.metadata,
    created_at: row.created_at.toISOString(),
  };
}

const noPipeline = (id: string): StrataError => new StrataError('not_found', `there is no pipeline ${id}`);

/** An error of a step says which one. */
function inStep(step: string, e: unknown): unknown {
  if (!(e instanceof StrataError)) return e;
  const field = `steps.${step}${e.where?.field ? `.${e.where.field}` : ''}`;
  return new StrataError(e.code, `step "${step}": ${e.message}`, { where: { ...e.where, field }, cause: e });
}

/** Graphs of jobs, made in one request. */
@Injectable()
export class PipelinesService {
  constructor(
    private readonly db: Database,
    private readonly planner: JobPlanner,
    private readonly changes: JobChanges,
    private readonly commands: JobCommands,
  ) {}

  /**
   * All jobs or none.
   * @throws StrataError `invalid_request` for a cycle or an unknown step, and what a job may throw; all name the step
   */
  async create(
    body: CreatePipeline,
    origin: { tenantId: string; requestId: string },
    key: string | undefined,
  ): Promise<Created<PipelineView>> {
    const idempotency = idempotencyOf(key, 'pipeline', body);
    const earlier = idempotency && (await findByIdempotency(this.db.kysely, origin.tenantId, idempotency));
    if (earlier) return { view: await this.get(origin.tenantId, earlier), replayed: true };
    const id = newId('pipeline');
    const planned = new Map<string, NewJob>();
    // ids count up in this order: a parent is always locked before its children
    for (const step of orderSteps(body.steps))
      planned.set(step, await this.plan(body, step, { ...origin, id }, planned));
    const inserted = await this.changes.transaction((trx) =>
      this.insert(trx, { id, tenantId: origin.tenantId, body }, planned, idempotency),
    );
    if (inserted) return { view: await this.get(origin.tenantId, id), replayed: false };
    const other = idempotency && (await findByIdempotency(this.db.kysely, origin.tenantId, idempotency));
    if (!other) throw new StrataError('conflict', 'a request with the same idempotency key is under way: try again');
    return { view: await this.get(origin.tenantId, other), replayed: true };
  }

  async get(tenantId: string, id: string): Promise<PipelineView> {
    const [view] = await this.views([await this.row(tenantId, id)]);
    if (!view) throw noPipeline(id);
    return view;
  }

  list(tenantId: string, query: ListQuery): Promise<Page<PipelineView>> {
    return readPage(this.rows(tenantId), query, (rows) => this.views(rows));
  }

  /** Cancels every job of it that has not ended, all at once: none of them fails because another one was cancelled. */
  async cancel(tenantId: string, id: string): Promise<PipelineView> {
    await this.row(tenantId, id);
    const stopped = await this.changes.transaction(async (trx, track) => {
      const jobs = await trx.selectFrom('job').select('id').where('pipeline_id', '=', id).execute();
      const drafts = [
        ...(
          await lockJobs(
            trx,
            jobs.map((j) => j.id),
          )
        ).values(),
      ].filter((d) => !ENDED.has(d.row.state));
      for (const draft of drafts) cancelDraft(draft, 'the pipeline was cancelled', new Date());
      await track(drafts);
      return drafts.map((d) => d.row);
    });
    await Promise.all(stopped.map((row) => this.commands.afterStop(row)));
    return this.get(tenantId, id);
  }

  private async plan(
    body: CreatePipeline,
    step: string,
    origin: { tenantId: string; requestId: string; id: string },
    earlier: ReadonlyMap<string, NewJob>,
  ): Promise<NewJob> {
    const job = body.steps[step];
    if (!job) throw new StrataError('internal', `step "${step}" vanished`);
    // a reference to a step becomes one to its job
    const inputs = Object.fromEntries(
      Object.entries(job.inputs).map(([name, ref]) => [
        name,
        typeof ref === 'string' ? ref : { ...ref, job: earlier.get(ref.job)?.id ?? ref.job },
      ]),
    );
    try {
      return await this.planner.plan(
        { ...job, inputs },
        { tenantId: origin.tenantId, requestId: origin.requestId, pipeline: { id: origin.id, step } },
      );
    } catch (e) {
      throw inStep(step, e);
    }
  }

  /** False when the idempotency key was taken meanwhile. */
  private async insert(
    trx: Trx,
    pipeline: { id: string; tenantId: string; body: CreatePipeline },
    planned: ReadonlyMap<string, NewJob>,
    idempotency: Idempotency | undefined,
  ): Promise<boolean> {
    const { id, tenantId, body } = pipeline;
    const now = new Date();
    if (idempotency) {
      const taken = await trx
        .insertInto('idempotency')
        .values({
          tenant_id: tenantId,
          key: idempotency.key,
          request_hash: idempotency.hash,
          resource_id: id,
          created_at: now,
        })
        .onConflict((c) => c.doNothing())
        .executeTakeFirst();
      if (taken.numInsertedOrUpdatedRows === 0n) return false;
    }
    const siblings = new Map([...planned.values()].map((job) => [job.id, job]));
    const jobs: NewJob[] = [];
    const links: { job_id: string; parent_id: string }[] = [];
    for (const [step, job] of planned) {
      try {
        const attached = job.state === 'waiting' ? await this.planner.attach(trx, job, siblings) : { job, parents: [] };
        jobs.push(attached.job);
        links.push(...attached.parents.map((parent_id) => ({ job_id: job.id, parent_id })));
      } catch (e) {
        throw inStep(step, e);
      }
    }
    await trx
      .insertInto('pipeline')
      .values({ id, tenant_id: tenantId, name: body.name, metadata: json(body.metadata), created_at: now })
      .execute();
    await insertJobs(
      trx,
      jobs.map((job) => ({ job })),
    );
    if (links.length) await trx.insertInto('job_parent').values(links).execute();
    return true;
  }

  private rows(tenantId: string) {
    return this.db.kysely.selectFrom('pipeline').selectAll().where('tenant_id', '=', tenantId);
  }

  private async row(tenantId: string, id: string): Promise<Selectable<PipelineTable>> {
    const row = await this.rows(tenantId).where('id', '=', id).executeTakeFirst();
    if (!row) throw noPipeline(id);
    return row;
  }

  private async views(rows: readonly Selectable<PipelineTable>[]): Promise<PipelineView[]> {
    if (!rows.length) return [];
    const ids = rows.map((r) => r.id);
    const jobs = await this.db.kysely
      .selectFrom('job')
      .selectAll()
      .where('pipeline_id', 'in', ids)
      .orderBy('id')
      .execute();
    return rows.map((row) =>
      pipelineView(
        row,
        jobs.filter((j) => j.pipeline_id === row.id),
      ),
    );
  }
}
