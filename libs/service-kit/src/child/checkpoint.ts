import { randomUUID } from 'node:crypto';
import { open, rm } from 'node:fs/promises';
import path from 'node:path';
import { Readable } from 'node:stream';
import type { ArtifactStore } from '@strata/artifacts';
import type { Checkpoint, CheckpointPort } from '@strata/contracts';
import { StrataError } from '@strata/kernel';
import { z } from 'zod';

/** Name of the ref that holds the hash of a job's latest checkpoint. */
export const checkpointRef = (jobId: string): string => `jobs/${jobId}/checkpoint`;

/**
 * Value of that ref: which blob, the latest attempt that wrote or took it, and the blob before, which is kept for one checkpoint more: an attempt that takes over may have read the
 * ref just before the one that still breathes replaced it.
 */
const Pointer = z.object({ sha256: z.string(), attempt: z.number().int(), previous: z.string().optional() });

/**
 * A checkpoint is one blob: 8 bytes magic, 4 bytes length of the header (little-endian), the header as JSON, then the tensors' bytes one after
 * another. One blob is either there or not, so a checkpoint is complete or absent. The header names the job, so no two jobs share a blob and the older
 * one can be deleted safely.
 */
const MAGIC = Buffer.from('STRATACK');
const Header = z.object({
  job_id: z.string(),
  recipe: z.string(),
  step: z.number(),
  state: z.record(z.string(), z.unknown()),
  tensors: z.array(z.object({ name: z.string(), bytes: z.number().int().min(0) })),
});

const CHUNK = 4 * 1024 * 1024;

function* encode(jobId: string, recipe: string, c: Checkpoint): Generator<Uint8Array> {
  const names = Object.keys(c.tensors);
  const header = Buffer.from(
    JSON.stringify({
      job_id: jobId,
      recipe,
      step: c.step,
      state: c.state,
      tensors: names.map((name) => ({ name, bytes: c.tensors[name]?.byteLength ?? 0 })),
    } satisfies z.input<typeof Header>),
  );
  const length = Buffer.alloc(4);
  length.writeUInt32LE(header.length);
  yield Buffer.concat([MAGIC, length, header]);
  for (const name of names) {
    const bytes = c.tensors[name];
    for (let at = 0; bytes && at < bytes.byteLength; at += CHUNK) yield bytes.subarray(at, at + CHUNK);
  }
}

async function decode(file: string, jobId: string, recipe: string): Promise<Checkpoint> {
  const handle = await open(file, 'r');
  const read = async (bytes: number, position: number): Promise<Uint8Array> => {
    const out = new Uint8Array(bytes);
    for (let done = 0; done < bytes;) {
      // one read call takes at most 2 GiB
      const { bytesRead } = await handle.read(out, done, Math.min(bytes - done, 1 << 30), position + done);
      if (bytesRead === 0) throw new StrataError('storage_corrupt', `the checkpoint of job ${jobId} ends too soon`);
      done += bytesRead;
    }
    return out;
  };
  try {
    const head = Buffer.from(await read(12, 0));
    if (!head.subarray(0, 8).equals(MAGIC))
      throw new StrataError('checkpoint_mismatch', `what is stored as checkpoint of job ${jobId} is not one`);
    const size = head.readUInt32LE(8);
    const header = Header.parse(JSON.parse(Buffer.from(await read(size, 12)).toString('utf8')));
    if (header.job_id !== jobId || header.recipe !== recipe)
      throw new StrataError(
        'checkpoint_mismatch',
        `the checkpoint belongs to job ${header.job_id} (${header.recipe}), not to job ${jobId} (${recipe})`,
      );
    const tensors: Record<string, Uint8Array> = {};
    let at = 12 + size;
    for (const t of header.tensors) {
      tensors[t.name] = await read(t.bytes, at);
      at += t.bytes;
    }
    return { step: header.step, state: header.state, tensors };
  } finally {
    await handle.close();
  }
}

export async function readPointer(store: ArtifactStore, jobId: string): Promise<z.infer<typeof Pointer> | undefined> {
  const value = await store.getRef(checkpointRef(jobId));
  return value === undefined ? undefined : Pointer.parse(JSON.parse(value));
}

/** Forgets a job's checkpoint: the ref first, so that no ref points to a deleted blob. */
export async function deleteCheckpoint(store: ArtifactStore, jobId: string): Promise<void> {
  const pointer = await readPointer(store, jobId);
  if (!pointer) return;
  await store.deleteRef(checkpointRef(jobId));
  await store.delete(pointer.sha256);
  if (pointer.previous) await store.delete(pointer.previous);
}

export interface CheckpointOptions {
  readonly store: ArtifactStore;
  readonly jobId: string;
  readonly recipe: string;
  readonly attempt: number;
  readonly workDir: string;
  readonly intervalMs: number;
  readonly pauseAsked: () => boolean;
  readonly onSaved: (step: number) => void;
}

export function createCheckpoints(o: CheckpointOptions): CheckpointPort {
  let savedAt = performance.now();
  const point = (sha256: string, previous: string | undefined): Promise<void> =>
    o.store.setRef(
      checkpointRef(o.jobId),
      JSON.stringify({ sha256, attempt: o.attempt, previous } satisfies z.input<typeof Pointer>),
    );
  return {
    async load() {
      const file = path.join(o.workDir, `checkpoint-${randomUUID()}`);
      for (let pointer = await readPointer(o.store, o.jobId); pointer;) {
        try {
          // from here on an earlier attempt that still breathes can save no more
          if (pointer.attempt < o.attempt) await point(pointer.sha256, pointer.previous);
          await o.store.fetchTo(pointer.sha256, file);
          return await decode(file, o.jobId, o.recipe);
        } catch (e) {
          // it may have replaced the checkpoint between the two steps
          const now = await readPointer(o.store, o.jobId);
          if (now?.sha256 === pointer.sha256) throw e;
          pointer = now;
        } finally {
          await rm(file, { force: true });
        }
      }
      return undefined;
    },
    async save(checkpoint) {
      const before = await readPointer(o.store, o.jobId);
      // a run that was given up (its lock was lost) may still breathe: it must not overwrite its successor's work
      if (before && before.attempt > o.attempt)
        throw new StrataError('conflict', `attempt ${before.attempt} of job ${o.jobId} has taken over`);
      const blob = await o.store.put(Readable.from(encode(o.jobId, o.recipe, checkpoint)));
      const same = before?.sha256 === blob.sha256;
      await point(blob.sha256, same ? before.previous : before?.sha256);
      if (!same && before?.previous && before.previous !== blob.sha256) await o.store.delete(before.previous);
      savedAt = performance.now();
      o.onSaved(checkpoint.step);
    },
    due: () => o.pauseAsked() || performance.now() - savedAt >= o.intervalMs,
  };
}
