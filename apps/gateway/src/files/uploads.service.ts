import { AsyncLocalStorage } from 'node:async_hooks';
import { mkdir, readdir, rm, stat, truncate } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import path from 'node:path';
import { Inject, Injectable, Logger, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import type { ArtifactStore } from '@strata/artifacts';
import { ID_PREFIX, newId, StrataError } from '@strata/kernel';
import { FileStore } from '@tus/file-store';
import { Server, type Upload } from '@tus/server';
import { CONFIG, type Config } from '../config.js';
import { errorOf } from '../http/problem.js';
import { ARTIFACTS } from '../platform/platform.module.js';
import { FilesService } from './files.service.js';

export const UPLOADS_PATH = '/api/uploads';
/** Response header that names the file which a finished upload became. */
export const FILE_HEADER = 'strata-file';
const DAY_MS = 86_400_000;
const SWEEP_MS = 3_600_000;
const OWNER = 'strata_tenant';
const UPLOAD_ID = new RegExp(`^${ID_PREFIX.upload}_[0-9a-f]{32}$`);

/** The file that an upload becomes: the same on every try, so that finishing twice makes one file. */
const fileIdOf = (uploadId: string): string => uploadId.replace(ID_PREFIX.upload, ID_PREFIX.file);

/**
 * Resumable uploads by the tus protocol, version 1.0.0. Parts are collected in DATA_DIR/uploads of this gateway; behind a load balancer the
 * requests of one upload must reach the same gateway, or the folder be shared.
 */
@Injectable()
export class UploadsService implements OnModuleInit, OnApplicationShutdown {
  private readonly log = new Logger(UploadsService.name);
  private readonly dir: string;
  private readonly tenant = new AsyncLocalStorage<string>();
  private readonly files: FileStore;
  private readonly tus: Server;
  private sweeper: NodeJS.Timeout | undefined;

  constructor(
    @Inject(CONFIG) config: Config,
    @Inject(ARTIFACTS) private readonly store: ArtifactStore,
    private readonly registry: FilesService,
  ) {
    this.dir = path.resolve(config.DATA_DIR, 'uploads');
    this.files = new FileStore({ directory: this.dir, expirationPeriodInMilliseconds: DAY_MS });
    this.tus = new Server({
      path: UPLOADS_PATH,
      datastore: this.files,
      maxSize: config.UPLOAD_LIMIT_BYTES,
      relativeLocation: true,
      exposedHeaders: [FILE_HEADER],
      disableTerminationForFinishedUploads: true,
      namingFunction: () => newId('upload'),
      onIncomingRequest: async (request, id) => {
        if (request.method !== 'POST') await this.owned(id);
      },
      onUploadCreate: async (_request, upload) => ({ metadata: { ...upload.metadata, [OWNER]: this.caller() } }),
      onUploadFinish: async (_request, upload) => ({ headers: { [FILE_HEADER]: await this.finish(upload) } }),
      onResponseError: (_request, error) => this.failure(error),
    });
  }

  async onModuleInit(): Promise<void> {
    await mkdir(this.dir, { recursive: true });
    await this.sweep();
    this.sweeper = setInterval(() => {
      this.sweep().catch((e: unknown) => this.log.warn(`old uploads could not be removed: ${String(e)}`));
    }, SWEEP_MS).unref();
  }

  onApplicationShutdown(): void {
    clearInterval(this.sweeper);
  }

  /** Serves one tus request of a tenant. */
  async handle(tenantId: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    await this.tenant.run(tenantId, async () => {
      // a client that lost the last answer asks for the offset, and takes "all of it" for success: let it be true
      if (request.method === 'HEAD') await this.finishLate(path.basename(request.url ?? ''), response);
      await this.tus.handle(request, response);
    });
  }

  private caller(): string {
    const tenant = this.tenant.getStore();
    if (!tenant) throw new StrataError('unauthenticated', 'an upload needs an API key');
    return tenant;
  }

  private async owned(id: string): Promise<Upload> {
    const missing = new StrataError('not_found', `there is no upload ${id.slice(0, 80)}: begin a new one`);
    if (!UPLOAD_ID.test(id)) throw missing;
    const upload = await this.files.getUpload(id).catch((cause: unknown) => {
      throw new StrataError('not_found', missing.message, { cause });
    });
    if (upload.metadata?.[OWNER] !== this.caller()) throw missing;
    return upload;
  }

  private async finish(upload: Upload): Promise<string> {
    const id = fileIdOf(upload.id);
    const blob = await this.store.put({ path: path.join(this.dir, upload.id) });
    await this.registry.record(
      this.caller(),
      {
        id,
        filename: upload.metadata?.['filename'] ?? upload.metadata?.['name'],
        mediaType: upload.metadata?.['filetype'],
      },
      blob,
    );
    // the bytes are in the store: keep only the length, as a hole without blocks, for a client that asks again
    const part = path.join(this.dir, upload.id);
    await truncate(part, 0);
    await truncate(part, upload.offset);
    return id;
  }

  private async finishLate(id: string, response: ServerResponse): Promise<void> {
    if (!UPLOAD_ID.test(id)) return;
    const upload = await this.files.getUpload(id).catch(() => undefined);
    if (!upload || upload.offset !== upload.size || upload.metadata?.[OWNER] !== this.caller()) return;
    const known = await this.registry.row(this.caller(), fileIdOf(id)).catch(() => undefined);
    response.setHeader(FILE_HEADER, known?.id ?? (await this.finish(upload)));
  }

  private failure(error: Error | { status_code: number; body: string }): { status_code: number; body: string } {
    if (!(error instanceof Error)) return error;
    const known = errorOf(error);
    if (known.httpStatus >= 500) this.log.error(known.message);
    return { status_code: known.httpStatus, body: JSON.stringify(known.toJSON()) };
  }

  /** Removes what nobody has touched for a day: abandoned parts, and the empty marks of finished uploads. */
  private async sweep(): Promise<void> {
    for (const name of await readdir(this.dir)) {
      const file = path.join(this.dir, name);
      const info = await stat(file).catch(() => undefined);
      if (info && Date.now() - info.mtimeMs > DAY_MS) await rm(file, { force: true, recursive: true });
    }
  }
}
