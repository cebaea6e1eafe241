export { createArtifactStore, type ArtifactConfig } from './create.js';
export { hashBytes, hashFile } from './hash.js';
export type { S3Config } from './s3.js';
export type { ArtifactSource, ArtifactStore, ByteRange } from './store.js';
