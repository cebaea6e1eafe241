import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { isStrataError } from '@strata/kernel';
import { chmod, mkdir, mkdtemp, readdir, rm, stat, utimes, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { fileSystemError } from './errors.js';
import { createArtifactStore } from './index.js';
import { conformsToArtifactStore } from './testing/conformance.js';

const blobFile = (dir: string, sha256: string): string =>
  path.join(dir, 'blobs', sha256.slice(0, 2), sha256.slice(2, 4), sha256);

conformsToArtifactStore('artifacts in a folder', async () => {
  const dir = await mkdtemp(path.join(os.tmpdir(), 'strata-folder-'));
  return {
    store: createArtifactStore({ kind: 'folder', dir }),
    corrupt: async (sha256, bytes) => {
      await chmod(blobFile(dir, sha256), 0o644);
      await writeFile(blobFile(dir, sha256), bytes);
    },
    blobs: async () =>
      (await readdir(path.join(dir, 'blobs'), { recursive: true, withFileTypes: true }))
        .filter((e) => e.isFile())
        .map((e) => e.name)
        .sort(),
    leftovers: async () => (await readdir(path.join(dir, 'tmp'))).filter((n) => !n.startsWith('probe')),
    close: () => rm(dir, { recursive: true, force: true }),
  };
});

describe('folder of artifacts', () => {
  let dir: string;
  beforeEach(async () => {
    dir = await mkdtemp(path.join(os.tmpdir(), 'strata-folder-'));
  });
  afterEach(() => rm(dir, { recursive: true, force: true }));

  it('fetches by a hard link on the same file system', async () => {
    const store = createArtifactStore({ kind: 'folder', dir: path.join(dir, 'store') });
    const { sha256 } = await store.put(Buffer.from('linked'));
    await store.fetchTo(sha256, path.join(dir, 'work', 'data.csv'));
    const [stored, fetched] = await Promise.all([
      stat(blobFile(path.join(dir, 'store'), sha256)),
      stat(path.join(dir, 'work', 'data.csv')),
    ]);
    expect(fetched.ino).toBe(stored.ino);
    expect(stored.mode & 0o222).toBe(0); // who opens it for writing is stopped
  });

  it('never shows half a ref while it is written', async () => {
    const store = createArtifactStore({ kind: 'folder', dir });
    const values = ['a', 'b'].map((c) => c.repeat(200_000));
    await store.setRef('busy', values[0] as string);
    let done = false;
    const writing = (async () => {
      for (let i = 0; i < 50; i++) await store.setRef('busy', values[i % 2] as string);
      done = true;
    })();
    let reads = 0;
    for (; !done; reads++) expect(values).toContain(await store.getRef('busy'));
    await writing;
    expect(reads).toBeGreaterThan(0);
  });

  it('replaces a stored file of the wrong size', async () => {
    const store = createArtifactStore({ kind: 'folder', dir });
    const { sha256 } = await store.put(Buffer.from('whole'));
    await chmod(blobFile(dir, sha256), 0o644);
    await writeFile(blobFile(dir, sha256), 'wh');
    await store.put(Buffer.from('whole'));
    await store.fetchTo(sha256, path.join(dir, 'out'));
  });

  it('sweeps what a crash left half written, but not what is being written', async () => {
    await mkdir(path.join(dir, 'tmp'), { recursive: true });
    await writeFile(path.join(dir, 'tmp', 'old'), 'x');
    await writeFile(path.join(dir, 'tmp', 'young'), 'x');
    const twoDaysAgo = new Date(Date.now() - 2 * 24 * 3600 * 1000);
    await utimes(path.join(dir, 'tmp', 'old'), twoDaysAgo, twoDaysAgo);
    await createArtifactStore({ kind: 'folder', dir }).put(Buffer.from('y'));
    expect(await readdir(path.join(dir, 'tmp'))).toEqual(['young']);
  });

  it('says when the folder cannot be made, and works once it can', async () => {
    const taken = path.join(dir, 'taken');
    await writeFile(taken, 'a file where the folder should be');
    const store = createArtifactStore({ kind: 'folder', dir: taken });
    await expect(store.check()).rejects.toMatchObject({ code: 'not_writable' });
    await expect(store.put(Buffer.from('z'))).rejects.toMatchObject({ code: 'not_writable' });
    await rm(taken);
    await store.put(Buffer.from('z'));
  });

  it.each([
    ['ENOSPC', 'disk_full'],
    ['EDQUOT', 'disk_full'],
    ['EACCES', 'not_writable'],
    ['EROFS', 'not_writable'],
    ['EIO', 'internal'],
  ])('turns %s into %s and names the folder', (code, expected) => {
    const error = fileSystemError(Object.assign(new Error(`${code}: it failed`), { code }), '/data/artifacts');
    expect(isStrataError(error) && error.code).toBe(expected);
    expect(error.message).toContain('/data/artifacts');
    expect(error.cause).toBeDefined();
  });
});
