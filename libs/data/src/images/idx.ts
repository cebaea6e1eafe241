import { gunzipSync } from 'node:zlib';
import { StrataError } from '@strata/kernel';

/** An array of bytes as the IDX files of MNIST hold it. */
export interface Idx {
  readonly dims: readonly number[];
  readonly data: Uint8Array;
}

/** Names of IDX files: `train-images-idx3-ubyte`, `…-labels-idx1-ubyte.gz`, `….idx`. */
export const isIdxName = (path: string): boolean => /(?:idx\d?[-.]ubyte|\.idx\d?)(?:\.gz)?$/iu.test(path);

const UBYTE = 0x08;

/**
 * Two zero bytes, the element type (unsigned bytes alone here), the number of axes, their sizes as 32-bit big-endian numbers, the elements.
 * @see https://yann.lecun.org/exdb/mnist/
 * @throws StrataError `invalid_data` naming the file
 */
export function parseIdx(bytes: Buffer, file: string): Idx {
  const fail = (problem: string, cause?: unknown): never => {
    throw new StrataError('invalid_data', `${file} ${problem}`, { where: { file }, ...(cause ? { cause } : {}) });
  };
  let raw = bytes;
  if (bytes[0] === 0x1f && bytes[1] === 0x8b)
    try {
      raw = gunzipSync(bytes);
    } catch (e) {
      fail('is a damaged gzip file. Pack it again.', e);
    }
  const rank = raw[3] ?? 0;
  if (raw.length < 8 || raw[0] !== 0 || raw[1] !== 0 || raw[2] !== UBYTE || rank < 1 || rank > 4)
    fail('is not an IDX file of unsigned bytes: it must begin with 00 00 08 and the number of axes.');
  const start = 4 + 4 * rank;
  if (raw.length < start) fail('ends within its header.');
  const dims = Array.from({ length: rank }, (_, i) => raw.readUInt32BE(4 + 4 * i));
  const count = dims.reduce((a, b) => a * b, 1);
  if (raw.length - start !== count)
    fail(`declares ${dims.join(' × ')} bytes and holds ${raw.length - start}. It is cut off or damaged.`);
  return { dims, data: raw.subarray(start) };
}
