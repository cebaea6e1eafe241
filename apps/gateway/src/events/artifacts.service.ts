import type { Readable } from 'node:stream';
import { Inject, Injectable } from '@nestjs/common';
import type { ArtifactStore } from '@strata/artifacts';
import type { Blob, JobOutput } from '@strata/contracts';
import { StrataError } from '@strata/kernel';
import { Database } from '../db/database.js';
import { readJob } from '../jobs/store.js';
import { outputSize } from '../jobs/view.js';
import { ARTIFACTS } from '../platform/platform.module.js';

export interface ArtifactFile {
  name: string;
  sha256: string;
  size: number;
  media_type: string;
  url: string;
}
export interface ArtifactView {
  object: 'artifact';
  name: string;
  kind: JobOutput['kind'];
  /** Dataset or model version that was registered. */
  id: string | null;
  size: number;
  files: ArtifactFile[];
}

export interface Download {
  readonly stream: Readable;
  readonly blob: Blob;
  readonly name: string;
  readonly mediaType: string;
}

const MEDIA: Readonly<Record<string, string>> = {
  json: 'application/json',
  csv: 'text/csv',
  txt: 'text/plain',
  md: 'text/markdown',
};
const mediaType = (name: string): string => MEDIA[name.slice(name.lastIndexOf('.') + 1)] ?? 'application/octet-stream';

/** Files of an output: name, blob, media type. */
function filesOf(name: string, output: JobOutput): { name: string; blob: Blob; mediaType: string }[] {
  switch (output.kind) {
    case 'dataset': {
      const type = output.format.format === 'csv' ? 'text/csv' : 'application/jsonl';
      return [{ name: `${name}.${output.format.format}`, blob: output.file, mediaType: type }];
    }
    case 'model':
      return Object.entries(output.files).map(([file, blob]) => ({ name: file, blob, mediaType: mediaType(file) }));
    case 'report':
      return [{ name: `${name}.json`, blob: output.file, mediaType: output.media_type }];
    case 'file':
      return [{ name: output.name, blob: output.file, mediaType: output.media_type }];
  }
}

/** What a job has made. */
@Injectable()
export class ArtifactsService {
  constructor(
    private readonly db: Database,
    @Inject(ARTIFACTS) private readonly store: ArtifactStore,
  ) {}

  async list(tenantId: string, jobId: string): Promise<ArtifactView[]> {
    const { outputs } = await readJob(this.db.kysely, tenantId, jobId);
    return Object.entries(outputs ?? {}).map(([name, { output, id }]) => {
      const url = `/api/jobs/${jobId}/artifacts/${encodeURIComponent(name)}`;
      const files = filesOf(name, output).map((file) => ({
        name: file.name,
        sha256: file.blob.sha256,
        size: file.blob.size,
        media_type: file.mediaType,
        url: `${url}?file=${encodeURIComponent(file.name)}`,
      }));
      return { object: 'artifact', name, kind: output.kind, id, size: outputSize(output), files };
    });
  }

  /** One file of an output; without `file` its only one. @throws StrataError `not_found`, `invalid_request` */
  async download(tenantId: string, jobId: string, name: string, file: string | undefined): Promise<Download> {
    const { outputs } = await readJob(this.db.kysely, tenantId, jobId);
    const recorded = outputs && Object.hasOwn(outputs, name) ? outputs[name] : undefined;
    if (!recorded) throw new StrataError('not_found', `job ${jobId} has no artifact "${name}"`);
    const files = filesOf(name, recorded.output);
    const names = files.map((f) => f.name).join(', ');
    if (file === undefined && files.length > 1)
      throw new StrataError(
        'invalid_request',
        `artifact "${name}" has several files: choose one with ?file= (${names})`,
        {
          where: { field: 'file' },
        },
      );
    const chosen = file === undefined ? files[0] : files.find((f) => f.name === file);
    if (!chosen)
      throw new StrataError('not_found', `artifact "${name}" has no file "${file ?? ''}". Its files: ${names}`);
    const stream = await this.store.open(chosen.blob.sha256);
    return { stream, blob: chosen.blob, name: chosen.name, mediaType: chosen.mediaType };
  }
}
