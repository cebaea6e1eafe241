import { readFileSync } from 'node:fs';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import { idxArchive } from './idx-archive.js';

/** A picture of MNIST: 28 × 28 grey values. */
export interface Digit {
  readonly label: number;
  readonly pixels: Uint8Array;
}

const PIXELS = 28 * 28;

/** All pictures of a part of MNIST, from the folder of its four files. */
export function mnist(folder: string, part: 'train' | 't10k'): Digit[] {
  const idx = (file: string, header: number): Buffer =>
    gunzipSync(readFileSync(path.join(folder, `${part}-${file}-ubyte.gz`))).subarray(header);
  const images = idx('images-idx3', 16);
  return Array.from(idx('labels-idx1', 8), (label, n) => ({
    label,
    pixels: images.subarray(n * PIXELS, (n + 1) * PIXELS),
  }));
}

/** The pictures in their order, as the archive that recipes take. */
export const digitArchive = (digits: readonly Digit[]): Uint8Array =>
  idxArchive({
    side: [28, 28],
    pixels: Buffer.concat(digits.map((d) => d.pixels)),
    labels: digits.map((d) => d.label),
  });
