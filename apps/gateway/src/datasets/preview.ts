import { createWriteStream } from 'node:fs';
import { truncate } from 'node:fs/promises';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { ArtifactStore } from '@strata/artifacts';
import type { Blob, DatasetFormat } from '@strata/contracts';
import { type Cell, readRows } from '@strata/data';
import { isStrataError } from '@strata/kernel';

/** Enough for the first rows of nearly every file. */
const HEAD_BYTES = 1 << 20;

async function firstRows(file: string, format: DatasetFormat, count: number): Promise<Cell[][]> {
  const rows: Cell[][] = [];
  for await (const batch of readRows(file, format, { batchRows: count })) {
    rows.push(...batch.rows);
    if (rows.length >= count) break;
  }
  return rows.slice(0, count);
}

/** The beginning of a blob up to the last whole line; false when it had to be cut. */
async function fetchHead(store: ArtifactStore, blob: Blob, file: string): Promise<boolean> {
  if (blob.size <= HEAD_BYTES) {
    await pipeline(await store.open(blob.sha256), createWriteStream(file));
    return true;
  }
  let kept = 0;
  let lineEnd = 0;
  const tap = async function* (source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const chunk of source) {
      const newline = chunk.lastIndexOf('\n');
      if (newline >= 0) lineEnd = kept + newline + 1;
      kept += chunk.byteLength;
      yield chunk;
    }
  };
  await pipeline(await store.open(blob.sha256, { start: 0, end: HEAD_BYTES - 1 }), tap, createWriteStream(file));
  await truncate(file, lineEnd);
  return false;
}

/** The first rows of a stored dataset as text cells, null where missing, without reading the whole file when it is long. */
export async function previewRows(
  store: ArtifactStore,
  blob: Blob,
  format: DatasetFormat,
  count: number,
  scratch: string,
): Promise<Cell[][]> {
  const head = path.join(scratch, 'head');
  // an archive has its table of contents at the end
  if (format.format === 'images') {
    await store.fetchTo(blob.sha256, head);
    return firstRows(head, format, count);
  }
  const whole = await fetchHead(store, blob, head);
  try {
    const rows = await firstRows(head, format, count);
    if (whole || rows.length === count) return rows;
  } catch (e) {
    // the cut can fall into a quoted line break or a compressed file: only the whole file tells
    if (whole || !isStrataError(e)) throw e;
  }
  const full = path.join(scratch, 'full');
  await store.fetchTo(blob.sha256, full);
  return firstRows(full, format, count);
}
