import { Injectable } from '@nestjs/common';
import { type CreateJob, JobState, type JobView, ListQuery } from '@strata/contracts';
import { StrataError } from '@strata/kernel';
import { z } from 'zod';
import { Database } from '../db/database.js';
import { type Page, readPage } from '../http/paging.js';
import { JobChanges } from './changes.js';
import { findByIdempotency, idempotencyOf } from './idempotency.js';
import { JobPlanner, type Origin } from './planner.js';
import { type Idempotency, insertJobs, type NewJob, readJob } from './store.js';
import { Submitter } from './submitter.js';
import { jobView, newJobView } from './view.js';

export const ListJobs = ListQuery.extend({
  state: z
    .string()
    .transform((text) => text.split(','))
    .pipe(z.array(JobState).max(7))
    .optional()
    .describe('one or several states, separated by commas'),
  recipe: z.string().max(128).optional(),
  pipeline: z.string().max(64).optional(),
  created_after: z.iso.datetime({ offset: true }).optional(),
  created_before: z.iso.datetime({ offset: true }).optional(),
});
export type ListJobs = z.output<typeof ListJobs>;

/** A job that was made, or that an earlier request with the same Idempotency-Key had made. */
export interface Created<T> {
  readonly view: T;
  readonly replayed: boolean;
}

@Injectable()
export class JobsService {
  constructor(
    private readonly db: Database,
    private readonly planner: JobPlanner,
    private readonly submitter: Submitter,
    private readonly changes: JobChanges,
  ) {}

  /**
   * Returns when the job is committed.
   * @throws StrataError `unknown_recipe`, `invalid_parameter`, `invalid_input`, `not_found`, `parent_failed`, `idempotency_mismatch`
   */
  async create(body: CreateJob, origin: Origin, key: string | undefined): Promise<Created<JobView>> {
    const idempotency = idempotencyOf(key, 'job', body);
    if (idempotency) {
      const earlier = await findByIdempotency(this.db.kysely, origin.tenantId, idempotency);
      if (earlier) return { view: await this.get(origin.tenantId, earlier), replayed: true };
    }
    const job = await this.planner.plan(body, origin);
    if (job.state === 'waiting') return { view: await this.createAttached(job, idempotency), replayed: false };
    if (await this.submitter.submit({ job, idempotency })) return { view: newJobView(job), replayed: false };
    return { view: await this.lostRace(origin.tenantId, idempotency), replayed: true };
  }

  async get(tenantId: string, id: string): Promise<JobView> {
    const row = await readJob(this.db.kysely, tenantId, id);
    const steps = await this.db.kysely
      .selectFrom('job_event')
      .select(['at', 'body'])
      .where('job_id', '=', id)
      .where('type', '=', 'state')
      .orderBy('seq')
      .execute();
    const transitions = steps.flatMap(({ at, body }) =>
      body.type === 'state' ? [{ state: body.state, at: at.toISOString(), cause: body.cause }] : [],
    );
    return { ...jobView(row), transitions };
  }

  list(tenantId: string, query: ListJobs): Promise<Page<JobView>> {
    let rows = this.db.kysely.selectFrom('job').selectAll().where('tenant_id', '=', tenantId);
    if (query.state) rows = rows.where('state', 'in', query.state);
    if (query.recipe !== undefined) rows = rows.where('recipe', '=', query.recipe);
    if (query.pipeline !== undefined) rows = rows.where('pipeline_id', '=', query.pipeline);
    if (query.created_after !== undefined) rows = rows.where('created_at', '>=', new Date(query.created_after));
    if (query.created_before !== undefined) rows = rows.where('created_at', '<', new Date(query.created_before));
    return readPage(rows, query, (found) => found.map(jobView));
  }

  /** A job that takes outputs of other jobs: its own transaction, for it must not miss their end. */
  private createAttached(planned: NewJob, idempotency: Idempotency | undefined): Promise<JobView> {
    return this.changes.transaction(async (trx) => {
      const { job, parents } = await this.planner.attach(trx, planned, new Map());
      await insertJobs(trx, [{ job, idempotency }]);
      const links = parents.map((parent_id) => ({ job_id: job.id, parent_id }));
      if (links.length) await trx.insertInto('job_parent').values(links).execute();
      return newJobView(job);
    });
  }

  /** Another request with the same key was committed between the look and the insertion. */
  private async lostRace(tenantId: string, idempotency: Idempotency | undefined): Promise<JobView> {
    const earlier = idempotency && (await findByIdempotency(this.db.kysely, tenantId, idempotency));
    if (!earlier) throw new StrataError('conflict', 'a request with the same idempotency key is under way: try again');
    return this.get(tenantId, earlier);
  }
}
