import { pipeline, type Readable } from 'node:stream';
import { Inject, Injectable } from '@nestjs/common';
import type { ArtifactStore } from '@strata/artifacts';
import type { Blob, FileView, ListQuery, ResolvedInput } from '@strata/contracts';
import { newId, StrataError } from '@strata/kernel';
import type { z } from 'zod';
import { CONFIG, type Config } from '../config.js';
import { Database } from '../db/database.js';
import { type Page, readPage } from '../http/paging.js';
import { ARTIFACTS } from '../platform/platform.module.js';
import { FileResolver } from '../resources.js';
import { type FileRow, fileView } from './file.table.js';
import { limited } from './limit.js';
import { cleanFilename, cleanMediaType } from './names.js';

export interface NewFile {
  /** Given when it must be the same on every try. */
  readonly id?: string;
  readonly filename: string | null | undefined;
  readonly mediaType: string | null | undefined;
}

/** Uploaded files: the bytes in the artifact store, a row for each. */
@Injectable()
export class FilesService extends FileResolver {
  constructor(
    private readonly db: Database,
    @Inject(ARTIFACTS) private readonly store: ArtifactStore,
    @Inject(CONFIG) private readonly config: Config,
  ) {
    super();
  }

  /**
   * Stores a stream as it comes in.
   * @throws StrataError `payload_too_large` as soon as one byte too many has come
   */
  async upload(tenantId: string, file: NewFile, source: Readable): Promise<FileView> {
    const bytes = limited(this.config.UPLOAD_LIMIT_BYTES);
    // a source that fails is a client that went away or sent a damaged form: not a failure of the store
    source.once('error', (cause) =>
      bytes.destroy(
        new StrataError('invalid_request', `the upload broke off (${cause.message}): send it again`, { cause }),
      ),
    );
    pipeline(source, bytes, () => undefined);
    return this.record(tenantId, file, await this.store.put(bytes));
  }

  /** Makes the row of a stored content. A second call with the same id changes nothing. */
  async record(tenantId: string, file: NewFile, blob: Blob): Promise<FileView> {
    const id = file.id ?? newId('file');
    await this.db.kysely
      .insertInto('file')
      .values({
        id,
        tenant_id: tenantId,
        filename: cleanFilename(file.filename),
        bytes: blob.size,
        sha256: blob.sha256,
        media_type: cleanMediaType(file.mediaType),
        deleted_at: null,
      })
      .onConflict((c) => c.column('id').doNothing())
      .execute();
    return fileView(await this.row(tenantId, id));
  }

  list(tenantId: string, query: z.output<typeof ListQuery>): Promise<Page<FileView>> {
    return readPage(this.rows(tenantId), query, (rows) => rows.map(fileView));
  }

  /** @throws StrataError `not_found`, also for a file of another tenant */
  async row(tenantId: string, id: string): Promise<FileRow> {
    const row = await this.rows(tenantId).where('id', '=', id).executeTakeFirst();
    if (!row) throw new StrataError('not_found', `there is no file ${id}: upload it with POST /api/files`);
    return row;
  }

  override async resolve(tenantId: string, ref: string): Promise<Extract<ResolvedInput, { kind: 'file' }>> {
    const row = await this.row(tenantId, ref);
    const file = { sha256: row.sha256, size: row.bytes };
    return { kind: 'file', id: row.id, file, media_type: row.media_type, name: row.filename };
  }

  /** The row goes from all lists. Its bytes stay in the store, for what was made from them. */
  async delete(tenantId: string, id: string): Promise<FileView> {
    const row = await this.row(tenantId, id);
    await this.db.kysely.updateTable('file').set({ deleted_at: new Date() }).where('id', '=', row.id).execute();
    return fileView(row);
  }

  private rows(tenantId: string) {
    return this.db.kysely
      .selectFrom('file')
      .selectAll()
      .where('tenant_id', '=', tenantId)
      .where('deleted_at', 'is', null);
  }
}
