import { mkdir, open, readdir, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { Inject, Injectable } from '@nestjs/common';
import type { ArtifactStore } from '@strata/artifacts';
import { type Blob, type ModelVersionView, ResourceName } from '@strata/contracts';
import { z } from 'zod';
import { CONFIG, type Config } from '../config.js';
import { Database } from '../db/database.js';
import { FilesService } from '../files/files.service.js';
import { ARTIFACTS } from '../platform/platform.module.js';
import { withScratch } from '../platform/scratch.js';
import { inspectModel, MANIFEST_FILE, MODEL_FILE } from './manifest.js';
import { ModelsService } from './models.service.js';
import { unpack } from './unpack.js';

export const ImportModel = z
  .strictObject({
    file: z
      .string()
      .describe('id of an uploaded .onnx file, or of a .zip with model.onnx, its data files and perhaps model.json'),
    name: ResourceName,
  })
  .meta({ id: 'ImportModel' });
export type ImportModel = z.output<typeof ImportModel>;

async function isZip(file: string): Promise<boolean> {
  const handle = await open(file);
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(4), 0, 4, 0);
    return bytesRead === 4 && buffer.readUInt32BE() === 0x504b0304;
  } finally {
    await handle.close();
  }
}

/** Takes models into the registry that were made elsewhere. */
@Injectable()
export class ImportService {
  constructor(
    private readonly db: Database,
    private readonly files: FilesService,
    private readonly models: ModelsService,
    @Inject(ARTIFACTS) private readonly store: ArtifactStore,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  /**
   * Checks the model before anything is kept.
   * @throws StrataError `invalid_onnx`, `external_data_outside`, `invalid_model`, `payload_too_large`, `not_found`
   */
  async import(tenantId: string, body: ImportModel): Promise<ModelVersionView> {
    const file = await this.files.row(tenantId, body.file);
    const output = await withScratch(this.config.DATA_DIR, async (scratch) => {
      const upload = path.join(scratch, 'upload');
      const dir = path.join(scratch, 'model');
      await this.store.fetchTo(file.sha256, upload);
      await mkdir(dir);
      if (await isZip(upload)) await unpack(upload, dir, this.config.UPLOAD_LIMIT_BYTES);
      else await rename(upload, path.join(dir, MODEL_FILE));
      const manifest = await inspectModel(dir);
      // those who open the model need both files
      await writeFile(path.join(dir, MANIFEST_FILE), JSON.stringify(manifest));
      return { manifest, files: await this.keep(dir) };
    });
    const { version } = await this.db.transaction((trx) =>
      this.models.insert(trx, {
        tenantId,
        name: body.name,
        output,
        source: { job: null, recipe: output.manifest.recipe, output: null },
        inputs: { file: file.id },
      }),
    );
    return this.models.version(tenantId, body.name, { version });
  }

  private async keep(dir: string): Promise<Record<string, Blob>> {
    const kept: Record<string, Blob> = {};
    for (const entry of await readdir(dir, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue;
      const place = path.join(entry.parentPath, entry.name);
      kept[path.relative(dir, place).split(path.sep).join('/')] = await this.store.put({ path: place });
    }
    return kept;
  }
}
