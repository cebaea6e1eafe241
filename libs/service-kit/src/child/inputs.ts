import { randomUUID } from 'node:crypto';
import { access, copyFile, link, mkdir, rename, rm, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { ArtifactStore } from '@strata/artifacts';
import type { DatasetHandle, FileHandle, InputHandle, JobSpec, ModelHandle, ResolvedInput } from '@strata/contracts';
import { StrataError } from '@strata/kernel';

const exists = (file: string): Promise<boolean> =>
  access(file).then(
    () => true,
    () => false,
  );

async function linkOrCopy(from: string, to: string): Promise<void> {
  try {
    await link(from, to);
  } catch (e) {
    // file systems without hard links; anything else shows itself in the copy
    if ((e as NodeJS.ErrnoException).code === 'ENOENT') throw e;
    await copyFile(from, to);
  }
}

/**
 * Brings a blob to `file` by way of the worker's cache. The file is a link of its own, so the cache may be emptied at any time, and is not to be
 * written to.
 */
async function materialise(store: ArtifactStore, cacheDir: string, sha256: string, file: string): Promise<void> {
  const cached = path.join(cacheDir, sha256);
  await mkdir(path.dirname(file), { recursive: true });
  if (!(await exists(cached))) {
    await mkdir(cacheDir, { recursive: true });
    const part = `${cached}.${randomUUID()}`;
    try {
      await store.fetchTo(sha256, part);
      await rename(part, cached);
    } finally {
      await rm(part, { force: true });
    }
  }
  const now = new Date();
  try {
    await linkOrCopy(cached, file);
    await utimes(cached, now, now); // the oldest are removed first
  } catch (e) {
    if ((e as NodeJS.ErrnoException).code !== 'ENOENT') throw e;
    await store.fetchTo(sha256, file); // removed from the cache between the two steps
  }
}

export interface Inputs {
  dataset(name: string): Promise<DatasetHandle>;
  model(name: string): Promise<ModelHandle>;
  file(name: string): Promise<FileHandle>;
  has(name: string): boolean;
}

/** The job's inputs, each fetched when it is first asked for. */
export function createInputs(store: ArtifactStore, spec: JobSpec, dirs: { cache: string; work: string }): Inputs {
  const made = new Map<string, Promise<InputHandle>>();

  const find = <K extends ResolvedInput['kind']>(name: string, kind: K): Extract<ResolvedInput, { kind: K }> => {
    const input = spec.inputs[name];
    if (!input)
      throw new StrataError(
        'invalid_input',
        `the job has no input "${name}"; it was given: ${Object.keys(spec.inputs).join(', ') || 'none'}`,
        { where: { field: `inputs.${name}` } },
      );
    if (input.kind !== kind)
      throw new StrataError('invalid_input', `the input "${name}" is a ${input.kind}, not a ${kind}`, {
        where: { field: `inputs.${name}` },
      });
    return input as Extract<ResolvedInput, { kind: K }>;
  };

  const once = <T extends InputHandle>(name: string, make: () => Promise<T>): Promise<T> => {
    const known = made.get(name) ?? make();
    made.set(name, known);
    return known as Promise<T>;
  };

  return {
    has: (name) => spec.inputs[name] !== undefined,
    async dataset(name) {
      const input = find(name, 'dataset');
      return once(name, async () => {
        const file = path.join(dirs.work, 'inputs', name, `data.${input.format.format}`);
        await materialise(store, dirs.cache, input.file.sha256, file);
        return { id: input.id, path: file, format: input.format };
      });
    },
    async file(name) {
      const input = find(name, 'file');
      return once(name, async () => {
        // the name comes from whoever uploaded it: never a path
        const file = path.join(dirs.work, 'inputs', name, 'content');
        await materialise(store, dirs.cache, input.file.sha256, file);
        return { id: input.id, path: file, name: input.name, mediaType: input.media_type };
      });
    },
    async model(name) {
      const input = find(name, 'model');
      return once(name, async () => {
        const dir = path.join(dirs.work, 'inputs', name);
        for (const [relative, blob] of Object.entries(input.files)) {
          const file = path.resolve(dir, relative);
          if (!file.startsWith(dir + path.sep))
            throw new StrataError('external_data_outside', `the model's file "${relative}" lies outside its folder`, {
              where: { file: relative },
            });
          await materialise(store, dirs.cache, blob.sha256, file);
        }
        const manifest = path.join(dir, 'model.json');
        if (!(await exists(manifest))) {
          await mkdir(dir, { recursive: true });
          await writeFile(manifest, JSON.stringify(input.manifest));
        }
        return { id: input.id, dir, manifest: input.manifest };
      });
    },
  };
}
