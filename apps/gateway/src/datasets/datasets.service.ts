import path from 'node:path';
import { Inject, Injectable } from '@nestjs/common';
import type { ArtifactStore } from '@strata/artifacts';
import type {
  CreateDataset,
  DatasetView,
  JobOutput,
  ListQuery,
  ResolvedInput,
  TaskSuggestion,
} from '@strata/contracts';
import { type Cell, describeFile, suggestTask } from '@strata/data';
import { newId, StrataError } from '@strata/kernel';
import type { z } from 'zod';
import { CONFIG, type Config } from '../config.js';
import { Database } from '../db/database.js';
import { json } from '../db/json.js';
import type { Trx } from '../db/tables.js';
import { FilesService } from '../files/files.service.js';
import { type Page, readPage } from '../http/paging.js';
import { ARTIFACTS } from '../platform/platform.module.js';
import { withScratch } from '../platform/scratch.js';
import { DatasetRegistrar, type OutputOrigin } from '../resources.js';
import { type DatasetRow, datasetView } from './dataset.table.js';
import { previewRows } from './preview.js';

/** A resource name made of whatever a file was called. */
function nameFrom(filename: string): string {
  const base = path.parse(filename.replace(/\.gz$/i, '')).name;
  const plain = base
    .normalize('NFKD')
    .replace(/[^a-zA-Z0-9._-]+/g, '-')
    .replace(/^[^a-zA-Z0-9]+/, '');
  return plain.slice(0, 64).replace(/-+$/, '') || 'dataset';
}

/** Datasets: a file whose form and columns are known. */
@Injectable()
export class DatasetsService extends DatasetRegistrar {
  constructor(
    private readonly db: Database,
    private readonly files: FilesService,
    @Inject(ARTIFACTS) private readonly store: ArtifactStore,
    @Inject(CONFIG) private readonly config: Config,
  ) {
    super();
  }

  /**
   * Reads the whole file, streaming, and keeps what was found out about it.
   * @throws StrataError `invalid_data`, naming line and column; `unknown_column`, `empty_data`, `not_found`
   */
  async create(tenantId: string, body: CreateDataset): Promise<DatasetView> {
    const file = await this.files.row(tenantId, body.file);
    const { file: _, name, ...options } = body;
    const format = await withScratch(this.config.DATA_DIR, async (dir) => {
      const local = path.join(dir, 'data');
      await this.store.fetchTo(file.sha256, local);
      return describeFile(local, { ...options, name: file.filename });
    });
    const row = await this.db.kysely
      .insertInto('dataset')
      .values({
        id: newId('dataset'),
        tenant_id: tenantId,
        name: name ?? nameFrom(file.filename),
        sha256: file.sha256,
        size: file.bytes,
        format: json(format),
        source_file: file.id,
        source_job: null,
        source_recipe: null,
        source_output: null,
        inputs: json({}),
        deleted_at: null,
      })
      .returningAll()
      .executeTakeFirstOrThrow();
    return datasetView(row);
  }

  list(tenantId: string, query: z.output<typeof ListQuery>): Promise<Page<DatasetView>> {
    return readPage(this.rows(tenantId), query, (rows) => rows.map(datasetView));
  }

  /** @throws StrataError `not_found`, also for a dataset of another tenant */
  async row(tenantId: string, id: string): Promise<DatasetRow> {
    const row = await this.rows(tenantId).where('id', '=', id).executeTakeFirst();
    if (!row) throw new StrataError('not_found', `there is no dataset ${id}: make one with POST /api/datasets`);
    return row;
  }

  async delete(tenantId: string, id: string): Promise<DatasetView> {
    const row = await this.row(tenantId, id);
    await this.db.kysely.updateTable('dataset').set({ deleted_at: new Date() }).where('id', '=', row.id).execute();
    return datasetView(row);
  }

  async preview(tenantId: string, id: string, rows: number): Promise<{ columns: string[]; rows: Cell[][] }> {
    const { sha256, size, format } = await this.row(tenantId, id);
    const cells = await withScratch(this.config.DATA_DIR, (dir) =>
      previewRows(this.store, { sha256, size }, format, rows, dir),
    );
    return { columns: format.columns.map((c) => c.name), rows: cells };
  }

  async suggest(tenantId: string, id: string, target: string): Promise<TaskSuggestion> {
    return suggestTask((await this.row(tenantId, id)).format, target);
  }

  override async resolve(tenantId: string, ref: string): Promise<Extract<ResolvedInput, { kind: 'dataset' }>> {
    const row = await this.row(tenantId, ref);
    return { kind: 'dataset', id: row.id, file: { sha256: row.sha256, size: row.size }, format: row.format };
  }

  override async register(
    trx: Trx,
    origin: OutputOrigin,
    output: Extract<JobOutput, { kind: 'dataset' }>,
  ): Promise<string> {
    const id = newId('dataset');
    await trx
      .insertInto('dataset')
      .values({
        id,
        tenant_id: origin.tenantId,
        name: origin.register ?? `${origin.recipe.split('/').at(-1) ?? 'job'}-${origin.output}`.slice(0, 64),
        sha256: output.file.sha256,
        size: output.file.size,
        format: json(output.format),
        source_file: null,
        source_job: origin.jobId,
        source_recipe: origin.recipe,
        source_output: origin.output,
        inputs: json(origin.inputs),
        created_at: origin.at,
        deleted_at: null,
      })
      .execute();
    return id;
  }

  private rows(tenantId: string) {
    return this.db.kysely
      .selectFrom('dataset')
      .selectAll()
      .where('tenant_id', '=', tenantId)
      .where('deleted_at', 'is', null);
  }
}
