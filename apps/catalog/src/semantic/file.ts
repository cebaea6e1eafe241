import { createHash } from 'node:crypto';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { HashedNgrams } from '@strata/contracts';
import { StrataError } from '@strata/kernel';
import { z } from 'zod';
import type { MeaningModel } from './meaning.js';

// 8 bytes magic, 32 bytes SHA-256 of all that follows, 4 bytes length of the header (little-endian), the header as JSON, padding to a multiple of 4, the numbers.
const MAGIC = Buffer.from('STRATAME');
const HEAD = 8 + 32 + 4;

const Header = z.object({
  ngrams: HashedNgrams,
  pooling: z.enum(['mean', 'mean_sqrt_len_tokens']),
  activation: z.enum(['tanh', 'relu', 'identity']),
  /** Sizes of rows, idf, table and vectors. */
  sizes: z.tuple([z.number().int(), z.number().int(), z.number().int(), z.number().int()]),
  slugs: z.array(z.string()),
});

const bytesOf = (a: Int32Array | Float32Array): Buffer => Buffer.from(a.buffer, a.byteOffset, a.byteLength);

/** Writes a model without hidden layers: whole or not at all. */
export async function writeMeaning(file: string, { encoder, slugs, vectors }: MeaningModel): Promise<void> {
  const { ngrams, pooling, activation, rows, idf, table } = encoder;
  const arrays = [rows, idf, table, vectors];
  const sizes = arrays.map((a) => a.length) as [number, number, number, number];
  const json = JSON.stringify({ ngrams, pooling, activation, sizes, slugs: [...slugs] } satisfies z.input<
    typeof Header
  >);
  const header = Buffer.from(json);
  const padded = Buffer.concat([header, Buffer.alloc(-(HEAD + header.length) & 3, ' ')]);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(padded.length);
  const body = Buffer.concat([length, padded, ...arrays.map(bytesOf)]);
  const digest = createHash('sha256').update(body).digest();
  await writeFile(`${file}.part`, Buffer.concat([MAGIC, digest, body]));
  await rename(`${file}.part`, file);
}

/** @returns undefined when there is no such file. @throws StrataError `storage_corrupt` when it is not what was written */
export async function readMeaning(file: string): Promise<MeaningModel | undefined> {
  const bytes = await readFile(file).catch((e: NodeJS.ErrnoException) => {
    if (e.code === 'ENOENT') return undefined;
    throw e;
  });
  if (!bytes) return undefined;
  const body = bytes.subarray(40);
  const whole = bytes.length > HEAD && createHash('sha256').update(body).digest().equals(bytes.subarray(8, 40));
  if (!whole || !bytes.subarray(0, 8).equals(MAGIC))
    throw new StrataError('storage_corrupt', `${file} is not the model that was written there`);
  const end = HEAD + bytes.readUInt32LE(40);
  const { sizes, slugs, ...rest } = Header.parse(JSON.parse(bytes.subarray(HEAD, end).toString('utf8')));
  // typed arrays begin at multiples of four
  const { buffer } = new Uint8Array(bytes.subarray(end));
  let at = 0;
  const next = (size: number): number => {
    const from = at;
    at += 4 * size;
    return from;
  };
  const [r, i, t, v] = sizes;
  const rows = new Int32Array(buffer, next(r), r);
  const idf = new Float32Array(buffer, next(i), i);
  const table = new Float32Array(buffer, next(t), t);
  const vectors = new Float32Array(buffer, next(v), v);
  return { encoder: { ...rest, rows, idf, table, layers: [] }, slugs, vectors };
}
