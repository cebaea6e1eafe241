import type { Blob } from '@strata/contracts';
import { StrataError } from '@strata/kernel';
import type { Readable } from 'node:stream';

/** Bytes of a blob, both ends included, as in an HTTP `Range`; `end` may lie beyond the last byte. */
export interface ByteRange {
  readonly start?: number;
  readonly end?: number;
}

export type ArtifactSource = Uint8Array | Readable | { readonly path: string };

/**
 * Content-addressed storage: a blob is named by the SHA-256 of its bytes (lower-case hex) and never changes, so a put is
 * idempotent and a fetch can be verified. Refs are small mutable names beside the blobs.
 *
 * Every method throws `disk_full`, `not_writable` or `unavailable` when the storage itself fails.
 */
export interface ArtifactStore {
  /** Stores the bytes and returns when they are durable. An equal content that is there already is not written again. */
  put(source: ArtifactSource): Promise<Blob>;
  /** @throws StrataError `not_found`; `invalid_request` for a range that begins beyond the end */
  open(sha256: string, range?: ByteRange): Promise<Readable>;
  has(sha256: string): Promise<boolean>;
  /** Size in bytes; undefined when there is no such blob. */
  size(sha256: string): Promise<number | undefined>;
  /**
   * Brings the blob to `path` (replaced atomically, folders made), a hard link where the storage is on the same file system: treat the file as
   * read-only.
   * @throws StrataError `not_found`; `storage_corrupt` when the bytes no longer match the hash
   */
  fetchTo(sha256: string, path: string): Promise<void>;
  /** Nothing happens when there is no such blob. */
  delete(sha256: string): Promise<void>;
  /** Sets a small named string, atomically; names look like `jobs/job_01/checkpoint`. */
  setRef(name: string, value: string): Promise<void>;
  getRef(name: string): Promise<string | undefined>;
  deleteRef(name: string): Promise<void>;
  /** Names that begin with `prefix`, sorted. */
  listRefs(prefix: string): Promise<string[]>;
  /** For readiness: returns when the storage can be read and written. */
  check(): Promise<void>;
  close(): Promise<void>;
}

const SHA256 = /^[0-9a-f]{64}$/;
const REF = /^[A-Za-z0-9][A-Za-z0-9._-]*(\/[A-Za-z0-9][A-Za-z0-9._-]*)*$/;

/** Hashes come from callers: nothing else may become part of a path. */
export function checkSha256(sha256: string): string {
  if (!SHA256.test(sha256))
    throw new StrataError('invalid_request', `"${sha256.slice(0, 80)}" is not a SHA-256 in lower-case hex`);
  return sha256;
}

export function checkRefName(name: string): string {
  if (!REF.test(name) || name.length > 512)
    throw new StrataError(
      'invalid_request',
      `"${name.slice(0, 80)}" is not a ref name: words of letters, digits, dot, dash and underscore, joined by "/"`,
    );
  return name;
}

/** Any beginning of a ref's name, the empty one included. */
export function checkRefPrefix(prefix: string): string {
  if (prefix !== '') checkRefName(prefix.endsWith('/') ? prefix.slice(0, -1) : prefix);
  return prefix;
}

/** The range as bytes [start, end] inside a content of `size` bytes. */
export function clampRange(size: number, range: ByteRange | undefined): { start: number; end: number } {
  const start = range?.start ?? 0;
  const end = Math.min(range?.end ?? size - 1, size - 1);
  if (start < 0 || (size > 0 && (start >= size || end < start)))
    throw new StrataError('invalid_request', `bytes ${start}-${range?.end ?? ''} lie outside the ${size} bytes stored`);
  return { start, end };
}
