import { zipSync } from 'fflate';

export interface IdxPictures {
  /** Height and width; three channels when a third number says so. */
  readonly side: readonly [number, number] | readonly [number, number, 3];
  /** [rows, height, width, channels]. */
  readonly pixels: Uint8Array;
  readonly labels: readonly number[];
}

/** A ZIP archive of a pair of IDX files, as pictures like MNIST's come. */
export function idxArchive({ side, pixels, labels }: IdxPictures): Uint8Array {
  const idx = (dims: readonly number[], data: Iterable<number>): Uint8Array =>
    Uint8Array.from([
      ...[0, 0, 8, dims.length],
      ...dims.flatMap((d) => [d >>> 24, (d >>> 16) & 255, (d >>> 8) & 255, d & 255]),
      ...data,
    ]);
  const axes = side.length + 1;
  return zipSync(
    {
      [`p-images-idx${axes}-ubyte`]: idx([labels.length, ...side], pixels),
      'p-labels-idx1-ubyte': idx([labels.length], labels),
    },
    { level: 0 },
  );
}
