import { folderStore } from './folder.js';
import type { S3Config } from './s3.js';
import type { ArtifactStore } from './store.js';

export type ArtifactConfig = { readonly kind: 'folder'; readonly dir: string } | ({ readonly kind: 's3' } & S3Config);

/** Nothing is contacted before the first call; `check()` says whether the storage works. */
export function createArtifactStore(config: ArtifactConfig): ArtifactStore {
  return config.kind === 'folder' ? folderStore(config.dir) : s3WhenUsed(config);
}

/** The S3 client is large: a process that keeps its artifacts in a folder, or touches none, starts without it. */
function s3WhenUsed(config: S3Config): ArtifactStore {
  let made: Promise<ArtifactStore> | undefined;
  const store = (): Promise<ArtifactStore> => (made ??= import('./s3.js').then((m) => m.s3Store(config)));
  return {
    put: async (source) => (await store()).put(source),
    open: async (sha256, range) => (await store()).open(sha256, range),
    has: async (sha256) => (await store()).has(sha256),
    size: async (sha256) => (await store()).size(sha256),
    fetchTo: async (sha256, path) => (await store()).fetchTo(sha256, path),
    delete: async (sha256) => (await store()).delete(sha256),
    setRef: async (name, value) => (await store()).setRef(name, value),
    getRef: async (name) => (await store()).getRef(name),
    deleteRef: async (name) => (await store()).deleteRef(name),
    listRefs: async (prefix) => (await store()).listRefs(prefix),
    check: async () => (await store()).check(),
    close: async () => (await made)?.close(),
  };
}
