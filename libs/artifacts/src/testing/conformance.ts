import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { isStrataError } from '@strata/kernel';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import type { ArtifactStore } from '../index.js';

export interface Storage {
  readonly store: ArtifactStore;
  /** Overwrites a stored blob behind the store's back. */
  corrupt(sha256: string, bytes: Uint8Array): Promise<void>;
  /** Names of stored blobs, and of whatever else lies about (unfinished uploads). */
  blobs(): Promise<string[]>;
  leftovers(): Promise<string[]>;
  close(): Promise<void>;
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const codeOf = (e: unknown): unknown => isStrataError(e) && e.code;
const failure = (p: Promise<unknown>): Promise<unknown> => p.then(() => 'no error', codeOf);
// SHA-256 of the empty string and of "abc": FIPS 180-4, examples
const EMPTY = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';
const ABC = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad';

/** What ArtifactStore promises, over any storage. */
export function conformsToArtifactStore(name: string, open: () => Promise<Storage>): void {
  describe(name, () => {
    let storage: Storage;
    let store: ArtifactStore;
    let dir: string;

    beforeAll(async () => {
      dir = await mkdtemp(path.join(os.tmpdir(), 'strata-artifacts-spec-'));
      storage = await open();
      store = storage.store;
      await store.check();
    });
    afterAll(async () => {
      await store.close();
      await storage.close();
      await rm(dir, { recursive: true, force: true });
    });

    it('names bytes by their hash, however they come', async () => {
      expect(await store.put(Buffer.from('abc'))).toEqual({ sha256: ABC, size: 3 });
      expect(await store.put(Readable.from([Buffer.from('a'), Buffer.from('bc')]))).toEqual({ sha256: ABC, size: 3 });
      const file = path.join(dir, 'abc');
      await writeFile(file, 'abc');
      expect(await store.put({ path: file })).toEqual({ sha256: ABC, size: 3 });
      // a view into a larger buffer, not the buffer
      expect(await store.put(new Uint8Array(Buffer.from('xxabcxx')).subarray(2, 5))).toEqual({ sha256: ABC, size: 3 });
      expect(await store.put(new Uint8Array())).toEqual({ sha256: EMPTY, size: 0 });
      expect((await storage.blobs()).filter((b) => b === ABC)).toHaveLength(1);
      expect(await storage.leftovers()).toEqual([]);
    });

    it('gives back what was put, whole or in part', async () => {
      const bytes = randomBytes(3_000_000);
      const blob = await store.put(Readable.from(chunks(bytes, 70_001)));
      expect(blob).toEqual({ sha256: sha256(bytes), size: bytes.length });
      expect((await buffer(await store.open(blob.sha256))).equals(bytes)).toBe(true);
      const range = async (start?: number, end?: number): Promise<Buffer> =>
        buffer(
          await store.open(blob.sha256, {
            ...(start === undefined ? {} : { start }),
            ...(end === undefined ? {} : { end }),
          }),
        );
      expect((await range(1, 1)).equals(bytes.subarray(1, 2))).toBe(true);
      expect((await range(1_000_000, 2_000_000)).equals(bytes.subarray(1_000_000, 2_000_001))).toBe(true);
      expect((await range(2_999_990)).equals(bytes.subarray(2_999_990))).toBe(true);
      expect((await range(2_999_990, 9_999_999)).equals(bytes.subarray(2_999_990))).toBe(true);
      expect(await failure(store.open(blob.sha256, { start: 3_000_000 }))).toBe('invalid_request');
      expect(await failure(store.open(blob.sha256, { start: 5, end: 4 }))).toBe('invalid_request');
      await store.put(new Uint8Array());
      expect((await buffer(await store.open(EMPTY))).length).toBe(0);
    });

    it('knows what it has, and forgets what is deleted', async () => {
      const blob = await store.put(Buffer.from('to be deleted'));
      expect(await store.has(blob.sha256)).toBe(true);
      expect(await store.size(blob.sha256)).toBe(13);
      await store.delete(blob.sha256);
      await store.delete(blob.sha256);
      expect(await store.has(blob.sha256)).toBe(false);
      expect(await store.size(blob.sha256)).toBeUndefined();
      expect(await failure(store.open(blob.sha256))).toBe('not_found');
      expect(await failure(store.fetchTo(blob.sha256, path.join(dir, 'never')))).toBe('not_found');
      expect(await store.put(Buffer.from('to be deleted'))).toEqual(blob);
      expect(await store.has(blob.sha256)).toBe(true);
    });

    it('fetches to a file, making folders and replacing what is there', async () => {
      const bytes = randomBytes(100_000);
      const { sha256: name } = await store.put(bytes);
      const target = path.join(dir, 'new', 'folder', 'model.onnx');
      await store.fetchTo(name, target);
      await store.fetchTo(name, target);
      expect((await readFile(target)).equals(bytes)).toBe(true);
      const other = await store.put(Buffer.from('other'));
      await store.fetchTo(other.sha256, target);
      expect(await readFile(target, 'utf8')).toBe('other');
      expect((await buffer(await store.open(name))).equals(bytes)).toBe(true);
    });

    it('refuses to hand out a blob that has rotted', async () => {
      const blob = await store.put(Buffer.from('sound'));
      await storage.corrupt(blob.sha256, Buffer.from('rotte'));
      const target = path.join(dir, 'rotten');
      expect(await failure(store.fetchTo(blob.sha256, target))).toBe('storage_corrupt');
      await expect(readFile(target)).rejects.toThrow('ENOENT');
    });

    it('stores many at once, equal ones too', async () => {
      const contents = Array.from({ length: 40 }, (_, i) => Buffer.from(`content ${i % 10}`));
      const blobs = await Promise.all(contents.map((c) => store.put(c)));
      expect(blobs.map((b) => b.sha256)).toEqual(contents.map((c) => sha256(c)));
      for (const b of blobs) expect(sha256(await buffer(await store.open(b.sha256)))).toBe(b.sha256);
      expect(await storage.leftovers()).toEqual([]);
    });

    it('leaves nothing behind when the source fails', async () => {
      const before = await storage.blobs();
      const failing = Readable.from(
        (async function* () {
          yield Buffer.from('half of it');
          await Promise.resolve();
          throw new Error('the client went away');
        })(),
      );
      await expect(store.put(failing)).rejects.toThrow('the client went away');
      await expect(store.put({ path: path.join(dir, 'not there') })).rejects.toThrow('ENOENT');
      expect(await storage.blobs()).toEqual(before);
      expect(await storage.leftovers()).toEqual([]);
    });

    it('keeps refs: set, replaced, listed, deleted', async () => {
      expect(await store.getRef('jobs/job_1/checkpoint')).toBeUndefined();
      await store.setRef('jobs/job_1/checkpoint', 'first');
      await store.setRef('jobs/job_1/checkpoint', 'zweite – 第二');
      await store.setRef('jobs/job_10/checkpoint', 'x');
      await store.setRef('jobs/job_1', 'a name that is also a folder');
      await store.setRef('alias', '');
      expect(await store.getRef('jobs/job_1/checkpoint')).toBe('zweite – 第二');
      expect(await store.getRef('jobs/job_1')).toBe('a name that is also a folder');
      expect(await store.getRef('alias')).toBe('');
      expect(await store.listRefs('')).toEqual([
        'alias',
        'jobs/job_1',
        'jobs/job_1/checkpoint',
        'jobs/job_10/checkpoint',
      ]);
      expect(await store.listRefs('jobs/job_1')).toEqual([
        'jobs/job_1',
        'jobs/job_1/checkpoint',
        'jobs/job_10/checkpoint',
      ]);
      expect(await store.listRefs('jobs/job_1/')).toEqual(['jobs/job_1/checkpoint']);
      expect(await store.listRefs('nothing/')).toEqual([]);
      await store.deleteRef('jobs/job_1');
      await store.deleteRef('jobs/job_1');
      expect(await store.getRef('jobs/job_1')).toBeUndefined();
      expect(await store.getRef('jobs/job_1/checkpoint')).toBe('zweite – 第二');
    });

    it('takes no name that could be a path', async () => {
      for (const name of ['', 'abc', '../../etc/passwd', ABC.toUpperCase(), `${ABC}/../x`])
        for (const call of [
          store.open(name),
          store.has(name),
          store.fetchTo(name, path.join(dir, 'x')),
          store.delete(name),
        ])
          expect(await failure(call)).toBe('invalid_request');
      for (const name of ['', '../x', 'a/../b', '/etc/passwd', 'a//b', 'a\0b', 'a/', '.hidden', 'a\\..\\b'])
        for (const call of [store.setRef(name, 'v'), store.getRef(name), store.deleteRef(name)])
          expect(await failure(call)).toBe('invalid_request');
      expect(await failure(store.listRefs('../'))).toBe('invalid_request');
    });
  });
}

function* chunks(bytes: Buffer, size: number): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}
