import { describe, expect, it } from '@jest/globals';
import { createRequire } from 'node:module';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { createArtifactStore } from './index.js';
import { conformsToArtifactStore } from './testing/conformance.js';

// s3rver 3.7 comes without types
const S3rver = createRequire(import.meta.url)('s3rver') as new (options: {
  port: number;
  address: string;
  silent: boolean;
  directory: string;
  configureBuckets: { name: string; configs: unknown[] }[];
}) => { run(): Promise<AddressInfo>; close(): Promise<void> };

const credentials = { region: 'us-east-1', accessKeyId: 'S3RVER', secretAccessKey: 'S3RVER' };

/** s3rver is a real S3 server in this process, with its objects in a folder. */
async function startS3(): Promise<{ endpoint: string; directory: string; close(): Promise<void> }> {
  const directory = await mkdtemp(path.join(os.tmpdir(), 'strata-s3-'));
  const server = new S3rver({
    port: 0,
    address: '127.0.0.1',
    silent: true,
    directory,
    configureBuckets: [{ name: 'strata', configs: [] }],
  });
  const address = await server.run();
  return {
    endpoint: `http://127.0.0.1:${address.port}`,
    directory,
    close: async () => {
      await server.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

conformsToArtifactStore('artifacts in S3', async () => {
  const s3 = await startS3();
  const bucket = path.join(s3.directory, 'strata');
  const objects = async (folder: string): Promise<string[]> =>
    (await readdir(path.join(bucket, folder)).catch(() => []))
      .filter((n) => n.endsWith('._S3rver_object'))
      .map((n) => n.slice(0, -'._S3rver_object'.length))
      .sort();
  return {
    store: createArtifactStore({
      kind: 's3',
      endpoint: s3.endpoint,
      bucket: 'strata',
      prefix: 'team/a',
      ...credentials,
    }),
    corrupt: (sha256, bytes) => writeFile(path.join(bucket, 'team/a/blobs', `${sha256}._S3rver_object`), bytes),
    blobs: () => objects('team/a/blobs'),
    leftovers: async () => (await readdir(os.tmpdir())).filter((n) => n.startsWith('strata-put-')),
    close: s3.close,
  };
});

describe('S3 store', () => {
  it('uploads in parts what is larger than one', async () => {
    const s3 = await startS3();
    const store = createArtifactStore({ kind: 's3', endpoint: s3.endpoint, bucket: 'strata', ...credentials });
    const bytes = Buffer.alloc(20 * 1024 * 1024, 'strata');
    const { sha256, size } = await store.put(bytes);
    expect(size).toBe(bytes.length);
    await store.fetchTo(sha256, path.join(s3.directory, 'copy'));
    await store.close();
    await s3.close();
  }, 30_000);

  it('says that the bucket is missing, and that nobody answers', async () => {
    const s3 = await startS3();
    const store = createArtifactStore({ kind: 's3', endpoint: s3.endpoint, bucket: 'absent', ...credentials });
    await expect(store.check()).rejects.toMatchObject({ code: 'invalid_configuration' });
    await expect(store.put(Buffer.from('x'))).rejects.toMatchObject({ code: 'invalid_configuration' });
    const refused = createArtifactStore({
      kind: 's3',
      endpoint: s3.endpoint,
      bucket: 'strata',
      region: 'us-east-1',
      accessKeyId: 'nobody',
      secretAccessKey: 'wrong',
    });
    await expect(refused.put(Buffer.from('x'))).rejects.toMatchObject({ code: 'not_writable' });
    await s3.close();
    await expect(store.check()).rejects.toMatchObject({ code: 'unavailable', retryable: true });
    await Promise.all([store.close(), refused.close()]);
  }, 30_000);
});
