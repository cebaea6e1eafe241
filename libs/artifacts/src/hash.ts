import type { Blob } from '@strata/contracts';
import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ArtifactSource } from './store.js';

const CHUNK = 1 << 20;

export function hashBytes(bytes: Uint8Array): Blob {
  return { sha256: createHash('sha256').update(bytes).digest('hex'), size: bytes.byteLength };
}

/** Reads the file once; constant memory. */
export async function hashFile(path: string): Promise<Blob> {
  const hash = createHash('sha256');
  let size = 0;
  for await (const chunk of createReadStream(path, { highWaterMark: CHUNK }) as AsyncIterable<Buffer>) {
    hash.update(chunk);
    size += chunk.byteLength;
  }
  return { sha256: hash.digest('hex'), size };
}

/** Writes the source to a new file, hashing on the way; the bytes are on the disk when it returns. */
export async function spool(source: ArtifactSource, path: string): Promise<Blob> {
  const hash = createHash('sha256');
  let size = 0;
  const tap = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      size += chunk.byteLength;
      done(null, chunk);
    },
  });
  await pipeline(readableOf(source), tap, createWriteStream(path, { flags: 'wx', mode: 0o444, highWaterMark: CHUNK }));
  await sync(path);
  return { sha256: hash.digest('hex'), size };
}

function readableOf(source: ArtifactSource): Readable {
  if (source instanceof Readable) return source;
  // a typed array handed to Readable.from would be iterated number by number
  if (ArrayBuffer.isView(source))
    return Readable.from([Buffer.from(source.buffer, source.byteOffset, source.byteLength)]);
  return createReadStream(source.path, { highWaterMark: CHUNK });
}

/** fsync of a file or, after a rename inside it, a folder. */
export async function sync(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
