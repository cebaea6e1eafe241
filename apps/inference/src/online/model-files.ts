import type { ArtifactStore } from '@strata/artifacts';
import { Blob } from '@strata/contracts';
import { StrataError } from '@strata/kernel';
import { randomUUID } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';

/** No way out of the model's folder: plain words, joined by "/". */
const FILE_NAME = /^[A-Za-z0-9_][A-Za-z0-9._-]*(\/[A-Za-z0-9_][A-Za-z0-9._-]*)*$/;
const Files = z
  .record(z.string().regex(FILE_NAME).max(200), Blob)
  .refine((f) => f['model.json'] && f['model.onnx'], 'must hold model.json and model.onnx');
export type ModelFiles = z.infer<typeof Files>;

/** @throws StrataError `invalid_request` when it is not a JSON object of file names and blobs */
export function parseFiles(json: string): ModelFiles {
  const field = 'parameters.files';
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (e) {
    throw new StrataError('invalid_request', 'the parameter "files" is not JSON', { cause: e, where: { field } });
  }
  const parsed = Files.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new StrataError(
    'invalid_request',
    `the parameter "files" must be an object of file names and {sha256, size}: ${z.prettifyError(parsed.error)}`,
    { where: { field } },
  );
}

/** Folders of opened models under `dir`. Each fetch makes a new one, which belongs to one opened model and goes with it. */
export function createModelFolders(store: ArtifactStore, dir: string) {
  return {
    /** Folders of an earlier process: a gateway asks for its models again. */
    clear: () => rm(dir, { recursive: true, force: true }),
    remove: (folder: string) => rm(folder, { recursive: true, force: true }),
    /** @throws StrataError `not_found`, `storage_corrupt`, `disk_full` */
    async fetch(files: ModelFiles): Promise<string> {
      const folder = path.join(dir, randomUUID());
      try {
        await mkdir(folder, { recursive: true });
        // all of them end before the folder may be removed
        const fetched = await Promise.allSettled(
          Object.entries(files).map(([name, blob]) => store.fetchTo(blob.sha256, path.join(folder, name))),
        );
        for (const f of fetched) if (f.status === 'rejected') throw f.reason;
        return folder;
      } catch (e) {
        await rm(folder, { recursive: true, force: true });
        throw e;
      }
    },
  };
}
export type ModelFolders = ReturnType<typeof createModelFolders>;
