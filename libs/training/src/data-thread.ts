// Entry of the thread that prepares batches while the runtime computes: session.run blocks the thread that calls it.
import { toStrataError, type SerializedError } from '@strata/kernel';
import { parentPort, workerData } from 'node:worker_threads';
import type { Batches, BatchPlace } from './batches.js';
import type { Feeds } from './trainer.js';

/** What the thread starts with. */
export interface ThreadData {
  /** Module that exports `createBatches(init)`. */
  readonly module: string;
  readonly init: unknown;
}
export interface Part {
  readonly rows: Int32Array;
  readonly at: BatchPlace;
}
export interface ThreadRequest {
  readonly id: number;
  readonly parts: readonly Part[];
}
export type ThreadAnswer =
  { readonly id: number; readonly feeds: readonly Feeds[] } | { readonly id: number; readonly error: SerializedError };

interface BatchModuleExports {
  createBatches(init: unknown): Batches | Promise<Batches>;
}

/** Buffers that hold nothing but one tensor: these change hands; a view into something larger is copied instead. */
function buffersOf(feeds: readonly Feeds[]): ArrayBuffer[] {
  const buffers = new Set<ArrayBuffer>();
  for (const of of feeds)
    for (const { data } of Object.values(of))
      if (!Array.isArray(data) && data.buffer instanceof ArrayBuffer && data.byteLength === data.buffer.byteLength)
        buffers.add(data.buffer);
  return [...buffers];
}

if (parentPort) {
  const port = parentPort;
  const { module, init } = workerData as ThreadData;
  const source = (import(module) as Promise<BatchModuleExports>).then((m) => m.createBatches(init));
  // the first request reports what went wrong
  source.catch(() => undefined);
  port.on('message', ({ id, parts }: ThreadRequest) => {
    source
      .then((batches) => {
        const feeds = parts.map(({ rows, at }) => batches.feeds(rows, at));
        port.postMessage({ id, feeds } satisfies ThreadAnswer, buffersOf(feeds));
      })
      .catch((e: unknown) => port.postMessage({ id, error: toStrataError(e).toJSON() } satisfies ThreadAnswer));
  });
}
