import { folderStore } from './folder.js';
import { s3Store, type S3Config } from './s3.js';
import type { ArtifactStore } from './store.js';

export type ArtifactConfig = { readonly kind: 'folder'; readonly dir: string } | ({ readonly kind: 's3' } & S3Config);

/** Nothing is contacted before the first call; `check()` says whether the storage works. */
export function createArtifactStore(config: ArtifactConfig): ArtifactStore {
  return config.kind === 'folder' ? folderStore(config.dir) : s3Store(config);
}
