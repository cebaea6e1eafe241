import { Injectable } from '@nestjs/common';
import type { JobOutput, ListQuery, ModelVersionView, ModelView, ResolvedInput } from '@strata/contracts';
import { newId, StrataError } from '@strata/kernel';
import { sql } from 'kysely';
import type { z } from 'zod';
import { Database } from '../db/database.js';
import { json } from '../db/json.js';
import type { Trx } from '../db/tables.js';
import { type Page, readPage } from '../http/paging.js';
import { ModelRegistrar, type OutputOrigin } from '../resources.js';
import type { ModelRow, VersionRow } from './model.table.js';
import { DEPLOYED, isVersionId, LATEST, parseRef, type Selector } from './ref.js';
import { modelView, versionView } from './view.js';

export interface NewVersion {
  readonly tenantId: string;
  readonly name: string;
  readonly output: Omit<Extract<JobOutput, { kind: 'model' }>, 'kind'>;
  readonly source: { readonly job: string | null; readonly recipe: string; readonly output: string | null };
  readonly inputs: Readonly<Record<string, string>>;
  readonly at?: Date;
}

const noModel = (name: string): StrataError =>
  new StrataError('not_found', `there is no model "${name}": GET /api/models lists yours`);

/** The model registry: names, numbered versions that never change, aliases that point to them. */
@Injectable()
export class ModelsService extends ModelRegistrar {
  constructor(private readonly db: Database) {
    super();
  }

  list(tenantId: string, query: z.output<typeof ListQuery>): Promise<Page<ModelView>> {
    const mine = this.db.kysely.selectFrom('model').selectAll().where('tenant_id', '=', tenantId);
    return readPage(mine, query, (rows) => this.views(rows));
  }

  async get(tenantId: string, name: string): Promise<ModelView> {
    const [view] = await this.views([await this.model(tenantId, name)]);
    if (!view) throw noModel(name);
    return view;
  }

  async versions(tenantId: string, name: string, query: z.output<typeof ListQuery>): Promise<Page<ModelVersionView>> {
    const model = await this.model(tenantId, name);
    const aliases = await this.aliases([model.id]);
    const its = this.db.kysely
      .selectFrom('model_version')
      .selectAll()
      .where('model_id', '=', model.id)
      .where('deleted_at', 'is', null);
    return readPage(its, query, (rows) => rows.map((row) => versionView(row, name, aliasesTo(aliases, row))));
  }

  async version(tenantId: string, name: string, selector: Selector): Promise<ModelVersionView> {
    const row = await this.select(tenantId, name, selector);
    return versionView(row, name, aliasesTo(await this.aliases([row.model_id]), row));
  }

  /** Points an alias to a version, whether it existed or not. */
  async setAlias(tenantId: string, name: string, alias: string, version: number): Promise<ModelView> {
    if (alias === LATEST || alias === DEPLOYED || /^\d+$/.test(alias))
      throw new StrataError(
        'invalid_request',
        `"${alias}" cannot be an alias: numbers, ${LATEST} and ${DEPLOYED} have a meaning of their own`,
        {
          where: { field: 'alias' },
        },
      );
    const row = await this.select(tenantId, name, { version });
    await this.db.kysely
      .insertInto('model_alias')
      .values({ model_id: row.model_id, alias, version: row.version })
      .onConflict((c) => c.columns(['model_id', 'alias']).doUpdateSet({ version: row.version }))
      .execute();
    return this.get(tenantId, name);
  }

  async deleteAlias(tenantId: string, name: string, alias: string): Promise<ModelView> {
    const model = await this.model(tenantId, name);
    const gone = await this.db.kysely
      .deleteFrom('model_alias')
      .where('model_id', '=', model.id)
      .where('alias', '=', alias)
      .executeTakeFirst();
    if (gone.numDeletedRows === 0n) throw new StrataError('not_found', `model ${name} has no alias "${alias}"`);
    return this.get(tenantId, name);
  }

  /**
   * Takes a version out of the registry; its number is not used again, its files stay for what was made from it.
   * @throws StrataError `conflict` when it is deployed or an alias points to it
   */
  async deleteVersion(tenantId: string, name: string, version: number): Promise<ModelVersionView> {
    const model = await this.model(tenantId, name);
    const view = await this.version(tenantId, name, { version });
    if (view.aliases.length)
      throw new StrataError(
        'conflict',
        `version ${version} of ${name} has the alias ${view.aliases.join(', ')}: move or delete the alias first`,
      );
    await this.db.transaction(async (trx) => {
      // deploying takes the same lock, so a version cannot be deployed while it is deleted
      await trx.selectFrom('model').select('id').where('id', '=', model.id).forUpdate().execute();
      const deployed = await trx
        .selectFrom('deployment')
        .select('version')
        .where('model_id', '=', model.id)
        .executeTakeFirst();
      if (deployed?.version === version)
        throw new StrataError(
          'conflict',
          `version ${version} of ${name} is deployed: deploy another one or end the deployment first`,
        );
      await trx.updateTable('model_version').set({ deleted_at: new Date() }).where('id', '=', view.id).execute();
    });
    return view;
  }

  override async resolve(tenantId: string, ref: string): Promise<Extract<ResolvedInput, { kind: 'model' }>> {
    const row = await this.find(tenantId, ref);
    return { kind: 'model', id: row.id, files: row.files, manifest: row.manifest };
  }

  override async register(
    trx: Trx,
    origin: OutputOrigin,
    output: Extract<JobOutput, { kind: 'model' }>,
  ): Promise<string> {
    const plain = origin.output === 'model' ? origin.jobId : `${origin.jobId}-${origin.output}`.slice(0, 64);
    const made = await this.insert(trx, {
      tenantId: origin.tenantId,
      name: origin.register ?? plain,
      output,
      source: { job: origin.jobId, recipe: origin.recipe, output: origin.output },
      inputs: origin.inputs,
      at: origin.at,
    });
    return made.id;
  }

  /** Makes the next version of a name, and the name when it is new. Two at once get two numbers: the model's row is locked until the end. */
  async insert(trx: Trx, made: NewVersion): Promise<{ id: string; version: number }> {
    const model = await trx
      .insertInto('model')
      .values({ id: newId('model'), tenant_id: made.tenantId, name: made.name, last_version: 1 })
      .onConflict((c) => c.columns(['tenant_id', 'name']).doUpdateSet({ last_version: sql`model.last_version + 1` }))
      .returning(['id', 'last_version'])
      .executeTakeFirstOrThrow();
    const id = newId('modelVersion');
    await trx
      .insertInto('model_version')
      .values({
        id,
        tenant_id: made.tenantId,
        model_id: model.id,
        version: model.last_version,
        manifest: json(made.output.manifest),
        files: json(made.output.files),
        size: Object.values(made.output.files).reduce((sum, f) => sum + f.size, 0),
        source_job: made.source.job,
        source_recipe: made.source.recipe,
        source_output: made.source.output,
        inputs: json(made.inputs),
        created_at: made.at ?? new Date(),
        deleted_at: null,
      })
      .execute();
    return { id, version: model.last_version };
  }

  /** @throws StrataError `not_found`, also for a model of another tenant */
  async model(tenantId: string, name: string): Promise<ModelRow> {
    const row = await this.db.kysely
      .selectFrom('model')
      .selectAll()
      .where('tenant_id', '=', tenantId)
      .where('name', '=', name)
      .executeTakeFirst();
    if (!row) throw noModel(name);
    return row;
  }

  /** The version that a selector means. @throws StrataError `not_found` */
  async select(tenantId: string, name: string, selector: Selector): Promise<VersionRow> {
    const found = await this.lookUp(tenantId, name, selector);
    if (found) return found;
    const what = 'version' in selector ? `version ${selector.version}` : `version or alias "${selector.alias}"`;
    throw new StrataError('not_found', `model ${name} has no ${what}`);
  }

  /** The version that a selector means, read in one query; undefined when the model has none. @throws StrataError `not_found` when there is no model */
  async lookUp(tenantId: string, name: string, selector: Selector): Promise<VersionRow | undefined> {
    const found = await this.db.kysely
      .selectFrom('model as m')
      .innerJoin('model_version as v', 'v.model_id', 'm.id')
      .selectAll('v')
      .where('m.tenant_id', '=', tenantId)
      .where('m.name', '=', name)
      .where('v.deleted_at', 'is', null)
      .$call((q) => {
        if ('version' in selector) return q.where('v.version', '=', selector.version);
        if (selector.alias === LATEST) return q;
        return q.where('v.version', '=', (e) =>
          selector.alias === DEPLOYED
            ? e.selectFrom('deployment as d').select('d.version').whereRef('d.model_id', '=', 'm.id')
            : e
                .selectFrom('model_alias as a')
                .select('a.version')
                .whereRef('a.model_id', '=', 'm.id')
                .where('a.alias', '=', selector.alias),
        );
      })
      .orderBy('v.version', 'desc')
      .limit(1)
      .executeTakeFirst();
    // nothing found: because there is no such model?
    if (!found) await this.model(tenantId, name);
    return found;
  }

  private async find(tenantId: string, ref: string): Promise<VersionRow> {
    if (!isVersionId(ref)) {
      const { name, selector } = parseRef(ref);
      return this.select(tenantId, name, selector);
    }
    const row = await this.db.kysely
      .selectFrom('model_version')
      .selectAll()
      .where('tenant_id', '=', tenantId)
      .where('id', '=', ref)
      .where('deleted_at', 'is', null)
      .executeTakeFirst();
    if (!row) throw new StrataError('not_found', `there is no model version ${ref}`);
    return row;
  }

  private async aliases(modelIds: readonly string[]): Promise<{ model_id: string; alias: string; version: number }[]> {
    if (!modelIds.length) return [];
    return this.db.kysely
      .selectFrom('model_alias')
      .selectAll()
      .where('model_id', 'in', modelIds)
      .orderBy('alias')
      .execute();
  }

  private async views(rows: readonly ModelRow[]): Promise<ModelView[]> {
    if (!rows.length) return [];
    const ids = rows.map((r) => r.id);
    const [aliases, newest, deployed] = await Promise.all([
      this.aliases(ids),
      this.db.kysely
        .selectFrom('model_version')
        .select((e) => ['model_id', e.fn.max('version').as('version')])
        .where('model_id', 'in', ids)
        .where('deleted_at', 'is', null)
        .groupBy('model_id')
        .execute(),
      this.db.kysely.selectFrom('deployment').select(['model_id', 'version']).where('model_id', 'in', ids).execute(),
    ]);
    const of = (list: readonly { model_id: string; version: number }[], id: string): number | undefined =>
      list.find((x) => x.model_id === id)?.version;
    return rows.map((row) =>
      modelView(
        row,
        Object.fromEntries(aliases.filter((a) => a.model_id === row.id).map((a) => [a.alias, a.version])),
        of(newest, row.id) ?? 0,
        of(deployed, row.id) ?? null,
      ),
    );
  }
}

function aliasesTo(
  aliases: readonly { model_id: string; alias: string; version: number }[],
  row: VersionRow,
): string[] {
  return aliases.filter((a) => a.model_id === row.model_id && a.version === row.version).map((a) => a.alias);
}
