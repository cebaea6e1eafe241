import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { isUtf8 } from 'node:buffer';
import { createGunzip } from 'node:zlib';
import { pipeline, type Readable } from 'node:stream';
import { StrataError } from '@strata/kernel';

const NEWLINE = 10;
const CHUNK = 1 << 18;

/** What a file begins with when it is no text at all, and what to do about it. */
const MAGIC: readonly (readonly [string, string])[] = [
  ['PK\x03\x04', 'a ZIP archive or an Excel workbook; export the sheet as CSV (UTF-8)'],
  ['\xd0\xcf\x11\xe0', 'an old Excel workbook; export the sheet as CSV (UTF-8)'],
  ['PAR1', 'a Parquet file; convert it to CSV or JSON lines'],
  ['%PDF', 'a PDF document; only CSV and JSON lines can be read'],
  ['\x89PNG', 'a picture; only CSV and JSON lines can be read'],
  ['\xff\xd8\xff', 'a picture; only CSV and JSON lines can be read'],
  ['\xff\xfe', 'text in UTF-16; save it as UTF-8'],
  ['\xfe\xff', 'text in UTF-16; save it as UTF-8'],
];

const notText = (name: string, what: string): StrataError =>
  new StrataError('invalid_data', `${name} is not a text file that can be read: it is ${what}.`, {
    where: { file: name },
  });

function countNewlines(bytes: Uint8Array): number {
  let n = 0;
  for (let i = bytes.indexOf(NEWLINE); i >= 0; i = bytes.indexOf(NEWLINE, i + 1)) n++;
  return n;
}

/** Length of the incomplete UTF-8 sequence at the end of `bytes` (0 to 3): it belongs to the next chunk. */
function incompleteTail(bytes: Uint8Array): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const b = bytes[bytes.length - back] ?? 0;
    if (b < 0x80) return 0;
    if (b >= 0xc0) {
      const need = b >= 0xf0 ? 4 : b >= 0xe0 ? 3 : 2;
      return need > back ? back : 0;
    }
  }
  return 0;
}

/** Lines before the first one that is not UTF-8. */
function firstInvalidLine(bytes: Buffer): number {
  let line = 0;
  for (let from = 0; from < bytes.length; line++) {
    const end = bytes.indexOf(NEWLINE, from);
    const to = end < 0 ? bytes.length : end;
    if (!isUtf8(bytes.subarray(from, to))) return line;
    from = to + 1;
  }
  return line;
}

async function source(path: string, name: string): Promise<Readable> {
  let head: Buffer;
  try {
    const file = await open(path);
    try {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(8), 0, 8, 0);
      head = buffer.subarray(0, bytesRead);
    } finally {
      await file.close();
    }
  } catch (e) {
    throw new StrataError('not_found', `${name} cannot be read: ${(e as Error).message}`, {
      cause: e,
      where: { file: name },
    });
  }
  const text = head.toString('latin1');
  const magic = MAGIC.find(([m]) => text.startsWith(m));
  if (magic) throw notText(name, magic[1]);
  const file = createReadStream(path, { highWaterMark: CHUNK });
  if (!text.startsWith('\x1f\x8b')) return file;
  // errors reach the reader of the gunzip stream; the callback only keeps them from being unhandled
  return pipeline(file, createGunzip({ chunkSize: CHUNK }), () => undefined);
}

/**
 * The bytes of a text file in chunks that never cut a character: gzip is unpacked, the byte order mark removed.
 * @throws StrataError `not_found`, `job_cancelled` (signal), `invalid_data` (binary file, or the first line that is not UTF-8)
 */
export async function* openText(path: string, name: string, signal?: AbortSignal): AsyncGenerator<Buffer> {
  const stream = await source(path, name);
  let lines = 0;
  let rest: Buffer = Buffer.alloc(0);
  let first = true;
  const check = (bytes: Buffer): void => {
    if (bytes.includes(0)) throw notText(name, 'binary (it holds zero bytes)');
    if (!isUtf8(bytes)) {
      const line = lines + firstInvalidLine(bytes) + 1;
      throw new StrataError('invalid_data', `line ${line} of ${name} is not valid UTF-8. Save the file as UTF-8.`, {
        where: { file: name, line },
      });
    }
  };
  try {
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      if (signal?.aborted)
        throw new StrataError('job_cancelled', `reading ${name} was cancelled`, { cause: signal.reason });
      let bytes = rest.length > 0 ? Buffer.concat([rest, chunk]) : chunk;
      if (first && bytes.length >= 3) {
        first = false;
        if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) bytes = bytes.subarray(3);
      }
      const tail = incompleteTail(bytes);
      rest = bytes.subarray(bytes.length - tail);
      const whole = bytes.subarray(0, bytes.length - tail);
      if (whole.length === 0) continue;
      check(whole);
      lines += countNewlines(whole);
      yield whole;
    }
  } catch (e) {
    if (typeof e === 'object' && e !== null && 'code' in e && String(e.code).startsWith('Z_'))
      throw new StrataError('invalid_data', `${name} is a damaged gzip file. Pack it again.`, {
        cause: e,
        where: { file: name },
      });
    throw e;
  } finally {
    stream.destroy();
  }
  if (rest.length > 0) check(rest);
}
