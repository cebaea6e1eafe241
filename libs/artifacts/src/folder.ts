import type { Blob } from '@strata/contracts';
import { randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { copyFile, link, mkdir, readFile, readdir, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { Readable } from 'node:stream';
import { corrupt, fileSystemError, isMissing, noSuchBlob } from './errors.js';
import { hashFile, spool, sync } from './hash.js';
import {
  checkRefName,
  checkRefPrefix,
  checkSha256,
  clampRange,
  type ArtifactSource,
  type ArtifactStore,
  type ByteRange,
} from './store.js';

/** A temporary file older than this was left by a crash: no put takes a day. */
const STALE_MS = 24 * 3600 * 1000;

// "@" cannot be in a ref's name, so the file of ref `a` and the folder of ref `a/b` never meet
const REF_SUFFIX = '@';

/**
 * Artifacts in a folder: `blobs/ab/cd/<sha256>`, `refs/<name>@`, `tmp/`. A blob appears by an atomic rename after its bytes are synced, so
 * a crash leaves a whole blob or none. Several processes may share the folder.
 */
export function folderStore(dir: string): ArtifactStore {
  const root = path.resolve(dir);
  const tmp = path.join(root, 'tmp');
  const refs = path.join(root, 'refs');
  const blobPath = (sha256: string): string => {
    checkSha256(sha256);
    return path.join(root, 'blobs', sha256.slice(0, 2), sha256.slice(2, 4), sha256);
  };
  const refPath = (name: string): string => path.join(refs, checkRefName(name) + REF_SUFFIX);
  const scratch = (): string => path.join(tmp, randomUUID());

  const guarded = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (e) {
      throw fileSystemError(e, root);
    }
  };

  let prepared: Promise<void> | undefined;
  const prepare = (): Promise<void> => {
    prepared ??= (async () => {
      await mkdir(tmp, { recursive: true });
      await mkdir(refs, { recursive: true });
      await sweep(tmp);
    })();
    // a folder that could not be made is tried again by the next call
    prepared.catch(() => (prepared = undefined));
    return prepared;
  };

  const sizeOf = async (sha256: string): Promise<number | undefined> => {
    try {
      return (await stat(blobPath(sha256))).size;
    } catch (e) {
      if (isMissing(e)) return undefined;
      throw fileSystemError(e, root);
    }
  };

  return {
    put: (source: ArtifactSource): Promise<Blob> =>
      guarded(async () => {
        await prepare();
        const part = scratch();
        try {
          const blob = await spool(source, part);
          const target = blobPath(blob.sha256);
          if ((await sizeOf(blob.sha256)) === blob.size) return blob;
          await mkdir(path.dirname(target), { recursive: true });
          await rename(part, target);
          await sync(path.dirname(target));
          return blob;
        } finally {
          await rm(part, { force: true });
        }
      }),

    async open(sha256: string, range?: ByteRange): Promise<Readable> {
      const size = await sizeOf(sha256);
      if (size === undefined) throw noSuchBlob(sha256);
      const { start, end } = clampRange(size, range);
      return size === 0 ? Readable.from([]) : createReadStream(blobPath(sha256), { start, end });
    },

    has: async (sha256) => (await sizeOf(sha256)) !== undefined,
    size: sizeOf,

    fetchTo: (sha256, target) =>
      guarded(async () => {
        const source = blobPath(sha256);
        if ((await sizeOf(sha256)) === undefined) throw noSuchBlob(sha256);
        const found = await hashFile(source);
        if (found.sha256 !== sha256) throw corrupt(sha256, found.sha256);
        await mkdir(path.dirname(target), { recursive: true });
        const part = `${target}.${randomUUID()}`;
        try {
          await link(source, part).catch(() => copyFile(source, part)); // another file system, or one without links
          await rename(part, target);
        } finally {
          await rm(part, { force: true }); // rename of two links to one file does nothing and leaves both
        }
      }),

    delete: (sha256) => guarded(() => rm(blobPath(sha256), { force: true })),

    setRef: (name, value) =>
      guarded(async () => {
        await prepare();
        const target = refPath(name);
        const part = scratch();
        try {
          await writeFile(part, value, { flag: 'wx', flush: true });
          await mkdir(path.dirname(target), { recursive: true });
          await rename(part, target);
          await sync(path.dirname(target));
        } finally {
          await rm(part, { force: true });
        }
      }),

    async getRef(name) {
      try {
        return await readFile(refPath(name), 'utf8');
      } catch (e) {
        if (isMissing(e)) return undefined;
        throw fileSystemError(e, root);
      }
    },

    deleteRef: (name) => guarded(() => rm(refPath(name), { force: true })),

    async listRefs(prefix) {
      // only the folder that the prefix names is walked: there may be a ref for every job
      const below = checkRefPrefix(prefix).slice(0, Math.max(prefix.lastIndexOf('/'), 0));
      try {
        const entries = await readdir(path.join(refs, below), { recursive: true, withFileTypes: true });
        return entries
          .filter((e) => e.isFile() && e.name.endsWith(REF_SUFFIX))
          .map((e) => path.relative(refs, path.join(e.parentPath, e.name)).split(path.sep).join('/').slice(0, -1))
          .filter((name) => name.startsWith(prefix))
          .sort();
      } catch (e) {
        if (isMissing(e)) return [];
        throw fileSystemError(e, root);
      }
    },

    check: () =>
      guarded(async () => {
        await prepare();
        const probe = path.join(tmp, `probe-${process.pid}`);
        await writeFile(probe, '');
        await utimes(probe, new Date(), new Date());
      }),

    close: () => Promise.resolve(),
  };
}

async function sweep(tmp: string): Promise<void> {
  for (const name of await readdir(tmp)) {
    const file = path.join(tmp, name);
    const info = await stat(file).catch(() => undefined); // another process may be sweeping too
    if (info && Date.now() - info.mtimeMs > STALE_MS) await rm(file, { force: true });
  }
}
