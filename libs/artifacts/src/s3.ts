import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
  S3ServiceException,
} from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import type { Blob } from '@strata/contracts';
import { StrataError, isStrataError } from '@strata/kernel';
import { randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
import { corrupt, fileSystemError, noSuchBlob } from './errors.js';
import { hashBytes, hashFile, spool } from './hash.js';
import {
  checkRefName,
  checkRefPrefix,
  checkSha256,
  clampRange,
  type ArtifactSource,
  type ArtifactStore,
  type ByteRange,
} from './store.js';

export interface S3Config {
  /** Address of an S3-compatible store; absent: AWS by region. */
  readonly endpoint?: string;
  readonly region: string;
  readonly bucket: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Put before every key, for a bucket shared with others. */
  readonly prefix?: string;
}

/** Part of a multipart upload, in bytes: 10,000 parts (the limit of S3) make 156 GiB. */
const PART = 16 * 1024 * 1024;

/**
 * Artifacts in an S3-compatible store: `blobs/<sha256>` and `refs/<name>`. The hash is known before the upload begins (a stream is spooled to the
 * local disk first), because an object cannot be renamed and a server-side copy ends at 5 GiB.
 */
export function s3Store(config: S3Config): ArtifactStore {
  const client = new S3Client({
    region: config.region,
    credentials: { accessKeyId: config.accessKeyId, secretAccessKey: config.secretAccessKey },
    // stores other than AWS are addressed by path and may not know the newer checksum headers
    ...(config.endpoint
      ? {
          endpoint: config.endpoint,
          forcePathStyle: true,
          requestChecksumCalculation: 'WHEN_REQUIRED' as const,
          responseChecksumValidation: 'WHEN_REQUIRED' as const,
        }
      : {}),
  });
  const Bucket = config.bucket;
  const base = config.prefix ? `${config.prefix.replace(/\/+$/, '')}/` : '';
  const blobKey = (sha256: string): string => `${base}blobs/${checkSha256(sha256)}`;
  const refKey = (name: string): string => `${base}refs/${checkRefName(name)}`;

  const guarded = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (e) {
      throw storeError(e, config);
    }
  };
  const orMissing = <T>(work: () => Promise<T>): Promise<T | undefined> =>
    guarded(async () => {
      try {
        return await work();
      } catch (e) {
        if (isNotFound(e)) return undefined;
        throw e;
      }
    });

  const size = (sha256: string): Promise<number | undefined> =>
    orMissing(
      async () => (await client.send(new HeadObjectCommand({ Bucket, Key: blobKey(sha256) }))).ContentLength ?? 0,
    );

  const upload = async (blob: Blob, body: () => Uint8Array | Readable): Promise<Blob> => {
    if ((await size(blob.sha256)) === blob.size) return blob;
    const Key = blobKey(blob.sha256);
    await guarded(() => new Upload({ client, partSize: PART, params: { Bucket, Key, Body: body() } }).done());
    return blob;
  };

  const read = async (sha256: string, range?: ByteRange): Promise<Readable> => {
    const total = await size(sha256);
    if (total === undefined) throw noSuchBlob(sha256);
    const { start, end } = clampRange(total, range);
    if (total === 0) return Readable.from([]);
    const Range = start === 0 && end === total - 1 ? undefined : `bytes=${start}-${end}`;
    const answer = await orMissing(() => client.send(new GetObjectCommand({ Bucket, Key: blobKey(sha256), Range })));
    if (!(answer?.Body instanceof Readable)) throw noSuchBlob(sha256);
    return answer.Body;
  };

  return {
    async put(source: ArtifactSource): Promise<Blob> {
      if (ArrayBuffer.isView(source)) return upload(hashBytes(source), () => source);
      if (!(source instanceof Readable))
        return upload(await local(source.path, () => hashFile(source.path)), () => createReadStream(source.path));
      const dir = await local(os.tmpdir(), () => mkdtemp(path.join(os.tmpdir(), 'strata-put-')));
      try {
        const part = path.join(dir, 'part');
        return await upload(await local(dir, () => spool(source, part)), () => createReadStream(part));
      } finally {
        await rm(dir, { recursive: true, force: true });
      }
    },

    open: read,
    has: async (sha256) => (await size(sha256)) !== undefined,
    size,

    async fetchTo(sha256, target) {
      const body = await read(sha256);
      const part = `${target}.${randomUUID()}`;
      await local(path.dirname(target), async () => {
        await mkdir(path.dirname(target), { recursive: true });
        try {
          const found = await spool(body, part);
          if (found.sha256 !== sha256) throw corrupt(sha256, found.sha256);
          await rename(part, target);
        } finally {
          await rm(part, { force: true });
        }
      });
    },

    delete: (sha256) =>
      guarded(async () => void (await client.send(new DeleteObjectCommand({ Bucket, Key: blobKey(sha256) })))),

    setRef: (name, value) =>
      guarded(
        async () =>
          void (await client.send(new PutObjectCommand({ Bucket, Key: refKey(name), Body: Buffer.from(value) }))),
      ),

    getRef: (name) =>
      orMissing(async () =>
        (await client.send(new GetObjectCommand({ Bucket, Key: refKey(name) }))).Body?.transformToString('utf8'),
      ),

    deleteRef: (name) =>
      guarded(async () => void (await client.send(new DeleteObjectCommand({ Bucket, Key: refKey(name) })))),

    listRefs: (prefix) =>
      guarded(async () => {
        const names: string[] = [];
        let ContinuationToken: string | undefined;
        do {
          const page = await client.send(
            new ListObjectsV2Command({ Bucket, Prefix: `${base}refs/${checkRefPrefix(prefix)}`, ContinuationToken }),
          );
          for (const item of page.Contents ?? [])
            if (item.Key !== undefined) names.push(item.Key.slice(base.length + 'refs/'.length));
          ContinuationToken = page.NextContinuationToken;
        } while (ContinuationToken !== undefined);
        return names.sort();
      }),

    check: () => guarded(async () => void (await client.send(new HeadBucketCommand({ Bucket })))),

    close() {
      client.destroy();
      return Promise.resolve();
    },
  };
}

async function local<T>(dir: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (e) {
    throw fileSystemError(e, dir);
  }
}

const isNotFound = (e: unknown): boolean =>
  e instanceof S3ServiceException && (e.name === 'NotFound' || e.name === 'NoSuchKey');

function storeError(e: unknown, config: S3Config): StrataError {
  if (isStrataError(e)) return e;
  const where = `bucket "${config.bucket}" at ${config.endpoint ?? `AWS ${config.region}`}`;
  const message = e instanceof Error ? e.message : String(e);
  const status = e instanceof S3ServiceException ? e.$metadata.httpStatusCode : undefined;
  if (status === 401 || status === 403)
    return new StrataError(
      'not_writable',
      `${where} refuses these credentials: check S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY`,
      { cause: e },
    );
  if (status === 404 || (e instanceof Error && e.name === 'NoSuchBucket'))
    return new StrataError('invalid_configuration', `${where} does not exist: create it`, { cause: e });
  if (status === 507) return new StrataError('disk_full', `${where} is full: ${message}`, { cause: e });
  return new StrataError('unavailable', `${where} does not answer: ${message || String(e)}`, { cause: e });
}
