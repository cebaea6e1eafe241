import { Injectable, Logger } from '@nestjs/common';
import type { DeploymentView } from '@strata/contracts';
import { StrataError } from '@strata/kernel';
import { Database } from '../db/database.js';
import type { VersionRow } from '../models/model.table.js';
import { ModelsService } from '../models/models.service.js';
import { DEPLOYED, selectorOf } from '../models/ref.js';
import { InferencePool } from './inference-pool.js';
import { LOAD_DEADLINE_MS, loadRequest, unloadRequest, wireName } from './wire-model.js';

export type Deployment = Omit<DeploymentView, 'url'>;

const READY_DEADLINE_MS = 1_000;

/** Which version of a model answers predictions. The models are loaded by the inference workers, when first asked at the latest. */
@Injectable()
export class DeploymentsService {
  private readonly log = new Logger(DeploymentsService.name);

  constructor(
    private readonly db: Database,
    private readonly models: ModelsService,
    private readonly pool: InferencePool,
  ) {}

  /**
   * Loads the version at every inference worker, then lets predictions use it. With no worker online it is deployed all the same, and loaded later.
   * @throws StrataError what the workers say when none of them can load it
   */
  async deploy(tenantId: string, name: string, version: number | string): Promise<Deployment> {
    const row = await this.models.select(tenantId, name, selectorOf(version));
    const loaded = await this.load(row);
    const previous = await this.db.transaction(async (trx) => {
      // the lock that deleting a version takes
      await trx.selectFrom('model').select('id').where('id', '=', row.model_id).forUpdate().execute();
      const still = await trx
        .selectFrom('model_version')
        .select('deleted_at')
        .where('id', '=', row.id)
        .executeTakeFirstOrThrow();
      if (still.deleted_at)
        throw new StrataError('conflict', `version ${row.version} of ${name} was deleted in the meantime`);
      const before = await trx
        .selectFrom('deployment as d')
        .innerJoin('model_version as v', (j) =>
          j.onRef('v.model_id', '=', 'd.model_id').onRef('v.version', '=', 'd.version'),
        )
        .select(['v.id', 'v.version'])
        .where('d.model_id', '=', row.model_id)
        .executeTakeFirst();
      await trx
        .insertInto('deployment')
        .values({ model_id: row.model_id, tenant_id: tenantId, version: row.version })
        .onConflict((c) => c.column('model_id').doUpdateSet({ version: row.version, created_at: new Date() }))
        .execute();
      return before;
    });
    if (previous && previous.id !== row.id) await this.unload(previous);
    return {
      object: 'deployment',
      model: name,
      version: row.version,
      state: loaded ? 'ready' : 'unavailable',
      created_at: new Date().toISOString(),
    };
  }

  async end(tenantId: string, name: string): Promise<Deployment> {
    const row = await this.models.select(tenantId, name, { alias: DEPLOYED });
    const gone = await this.db.kysely
      .deleteFrom('deployment')
      .where('model_id', '=', row.model_id)
      .returningAll()
      .executeTakeFirst();
    if (!gone) throw new StrataError('not_found', `model ${name} is not deployed`);
    await this.unload(row);
    return {
      object: 'deployment',
      model: name,
      version: gone.version,
      state: 'unavailable',
      created_at: gone.created_at.toISOString(),
    };
  }

  async list(tenantId: string): Promise<Deployment[]> {
    const rows = await this.db.kysely
      .selectFrom('deployment as d')
      .innerJoin('model as m', 'm.id', 'd.model_id')
      .innerJoin('model_version as v', (j) =>
        j.onRef('v.model_id', '=', 'd.model_id').onRef('v.version', '=', 'd.version'),
      )
      .select(['m.name', 'd.version', 'd.created_at', 'v.id'])
      .where('d.tenant_id', '=', tenantId)
      .orderBy('m.name')
      .execute();
    return Promise.all(
      rows.map(async (r) => ({
        object: 'deployment' as const,
        model: r.name,
        version: r.version,
        state: await this.state(r),
        created_at: r.created_at.toISOString(),
      })),
    );
  }

  /** Ready: a worker has it open. Loading: one is there and will open it when asked. */
  private async state(row: Pick<VersionRow, 'id' | 'version'>): Promise<Deployment['state']> {
    const answers = await this.pool.withAll((client) =>
      client.call.modelReady(wireName(row), { deadlineMs: READY_DEADLINE_MS }),
    );
    const alive = answers.flatMap((a) => (a.status === 'fulfilled' ? [a.value.ready] : []));
    return alive.length === 0 ? 'unavailable' : alive.some(Boolean) ? 'ready' : 'loading';
  }

  private async load(row: VersionRow): Promise<boolean> {
    const answers = await this.pool.withAll((client) =>
      client.call.repositoryModelLoad(loadRequest(row), { deadlineMs: LOAD_DEADLINE_MS }),
    );
    if (answers.some((a) => a.status === 'fulfilled')) return true;
    const reasons = answers.flatMap((a) => (a.status === 'rejected' ? [a.reason as unknown] : []));
    const serious = reasons.find((r) => !(r instanceof StrataError) || r.code !== 'unavailable');
    if (serious) throw serious;
    return false;
  }

  private async unload(row: Pick<VersionRow, 'id' | 'version'>): Promise<void> {
    const answers = await this.pool.withAll((client) => client.call.repositoryModelUnload(unloadRequest(row)));
    for (const a of answers)
      if (a.status === 'rejected' && !(a.reason instanceof StrataError && a.reason.code === 'not_found'))
        this.log.warn(`an inference worker keeps ${row.id} until it needs the room: ${String(a.reason)}`);
  }
}
