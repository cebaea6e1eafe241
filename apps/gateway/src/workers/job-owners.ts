import { Injectable } from '@nestjs/common';
import type { WorkerView } from '@strata/contracts';
import type { Principal } from '../auth/principal.js';
import { Database } from '../db/database.js';

/** Workers are everybody's, the jobs on them are not. */
@Injectable()
export class JobOwners {
  constructor(private readonly db: Database) {}

  /** The workers with those running jobs only that the caller may know of. */
  async hideForeign(principal: Principal, workers: readonly WorkerView[]): Promise<WorkerView[]> {
    const ids = workers.flatMap((w) => w.running);
    if (principal.operator || !ids.length) return [...workers];
    const own = await this.db.kysely
      .selectFrom('job')
      .select('id')
      .where('id', 'in', ids)
      .where('tenant_id', '=', principal.tenantId)
      .execute();
    const visible = new Set(own.map((row) => row.id));
    return workers.map((w) => ({ ...w, running: w.running.filter((id) => visible.has(id)) }));
  }
}
