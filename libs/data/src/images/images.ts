import { basename } from 'node:path';
import type { ColumnType } from '@strata/contracts';
import { StrataError } from '@strata/kernel';
import type { ReadOptions, RowBatch, RowFormat } from '../rows.js';
import { openArchive, type Archive } from './archive.js';
import { isIdxName, parseIdx, type Idx } from './idx.js';
import { decodePicture, encodePng, pictureFormat, pictureSize, resizePixels, type ImageSize } from './picture.js';

/** Columns of a dataset of pictures: the path of a picture inside the archive (of IDX files also its number), and its class. */
export const IMAGE_COLUMNS: readonly { readonly name: string; readonly type: ColumnType }[] = [
  { name: 'image', type: 'text' },
  { name: 'label', type: 'category' },
];

export const imagesFormat: RowFormat = {
  format: 'images',
  delimiter: ',',
  header: false,
  columns: IMAGE_COLUMNS.map(({ name }) => ({ name })),
  missing_values: [],
};

/** Pictures of an archive, in the order of its paths. */
export interface ImageArchive {
  readonly rows: readonly { readonly image: string; readonly label: string }[];
  /** Size of a picture as it is stored. */
  size(row: number): Promise<ImageSize>;
  /** The encoded picture; PNG for those of IDX files. */
  encoded(row: number): Promise<Uint8Array>;
  /** Pixels [height, width, channels] in this size. @throws StrataError `invalid_data` naming the file inside the archive */
  pixels(row: number, size: ImageSize): Promise<Uint8Array>;
  close(): void;
}

const PICTURE = /\.(?:png|jpe?g|webp|gif)$/iu;
/** Pictures that cannot be read: passing over them in silence would lose rows. */
const FOREIGN = /\.(?:bmp|tiff?|heic|heif|avif|svg|psd|raw|dng)$/iu;

/**
 * A ZIP archive of pictures in folders that are named by their class, or of pairs of IDX files (`…images…` [rows, height, width] and `…labels…` [rows]), gzipped or not, as MNIST has them.
 * Other files, such as a README, do not count.
 * @throws StrataError `invalid_data`, `empty_data`, naming the file inside the archive
 */
export async function openImages(path: string, name = basename(path)): Promise<ImageArchive> {
  const archive = await openArchive(path, name);
  try {
    const idx = archive.entries.filter((e) => isIdxName(e.path));
    const pictures = archive.entries.filter((e) => PICTURE.test(e.path));
    if (idx.length > 0 && pictures.length > 0)
      throw new StrataError(
        'invalid_data',
        `${name} holds both pictures ("${pictures[0]?.path}") and IDX files ("${idx[0]?.path}"). Put them into two archives.`,
        { where: { file: name } },
      );
    const foreign = archive.entries.find((e) => FOREIGN.test(e.path));
    if (foreign) throw unreadable(name, foreign.path);
    return idx.length > 0
      ? await ofIdx(
          archive,
          idx.map((e) => e.path),
          name,
        )
      : ofPictures(
          archive,
          pictures.map((e) => e.path),
          name,
        );
  } catch (e) {
    archive.close();
    throw e;
  }
}

const unreadable = (name: string, file: string): StrataError =>
  new StrataError(
    'invalid_data',
    `"${file}" in ${name} is a picture of a kind that cannot be read. Convert it to PNG or JPEG.`,
    { where: { file: `${name}/${file}` } },
  );

function ofPictures(archive: Archive, paths: readonly string[], name: string): ImageArchive {
  const rows = paths.map((path) => {
    const label = path.split('/').at(-2);
    if (label === undefined)
      throw new StrataError(
        'invalid_data',
        `"${path}" in ${name} lies in no folder. Put each picture into a folder that has the name of its class.`,
        { where: { file: `${name}/${path}` } },
      );
    return { image: path, label };
  });
  if (rows.length === 0)
    throw new StrataError(
      'empty_data',
      `${name} holds no pictures (PNG, JPEG, WebP, GIF in folders named by their class) and no IDX files.`,
      { where: { file: name } },
    );
  const encoded = (row: number) => archive.read(paths[row] ?? '');
  const what = (row: number) => `"${paths[row]}" in ${name}`;
  return {
    rows,
    encoded,
    size: async (row) => pictureSize(await encoded(row), what(row)),
    pixels: async (row, size) => decodePicture(await encoded(row), size, what(row)),
    close: archive.close,
  };
}

async function ofIdx(archive: Archive, paths: readonly string[], name: string): Promise<ImageArchive> {
  const inside = (path: string) => `${name}/${path}`;
  const parts: { path: string; images: Idx; labels: Idx; start: number }[] = [];
  let start = 0;
  for (const path of paths.filter((p) => /images?/iu.test(p))) {
    const partner = path.replace(/image(s?)/iu, 'label$1').replace(/idx[34]/u, 'idx1');
    const other = paths.find((p) => p.replace(/\.gz$/iu, '') === partner.replace(/\.gz$/iu, ''));
    if (other === undefined)
      throw new StrataError('invalid_data', `${name} holds "${path}" and not its labels, "${partner}".`, {
        where: { file: inside(path) },
      });
    const images = parseIdx(await archive.read(path), inside(path));
    const labels = parseIdx(await archive.read(other), inside(other));
    const [rows = 0, , , channels = 1] = images.dims;
    if (images.dims.length < 3 || (channels !== 1 && channels !== 3))
      throw new StrataError(
        'invalid_data',
        `${inside(path)} has the sizes ${images.dims.join(' × ')}: rows × height × width (× 3 colours) are expected.`,
        { where: { file: inside(path) } },
      );
    if (labels.dims.length !== 1 || labels.dims[0] !== rows)
      throw new StrataError(
        'invalid_data',
        `${inside(path)} has ${rows} pictures, and ${inside(other)} has ${labels.dims[0]} labels.`,
        { where: { file: inside(other) } },
      );
    parts.push({ path, images, labels, start });
    start += rows;
  }
  if (start === 0)
    throw new StrataError('empty_data', `${name} holds no IDX file of pictures (…images-idx3-ubyte).`, {
      where: { file: name },
    });
  const part = (row: number) => {
    const found = parts.findLast((p) => p.start <= row);
    if (!found) throw new StrataError('internal', `row ${row} of ${name} does not exist`);
    const [, height = 1, width = 1, channels = 1] = found.images.dims;
    const size: ImageSize = { height, width, channels: channels === 3 ? 3 : 1 };
    const length = height * width * channels;
    const at = (row - found.start) * length;
    return { size, data: found.images.data.subarray(at, at + length) };
  };
  return {
    rows: parts.flatMap(({ path, labels }) =>
      Array.from(labels.data, (label, i) => ({ image: `${path}#${i}`, label: String(label) })),
    ),
    size: (row) => Promise.resolve(part(row).size),
    encoded: async (row) => encodePng(part(row).data, part(row).size),
    pixels: (row, size) => resizePixels(part(row).data, part(row).size, size),
    close: archive.close,
  };
}

const BATCH = 4096;

/** Path and class of each picture. Each is looked at: what does not begin like a picture is named. @throws StrataError `invalid_data`, `empty_data`, `job_cancelled` */
export async function* readImages(path: string, options: ReadOptions = {}): AsyncGenerator<RowBatch> {
  const name = options.name ?? basename(path);
  const size = options.batchRows ?? BATCH;
  const images = await openImages(path, name);
  try {
    for (let start = 0; start < images.rows.length; start += size) {
      if (options.signal?.aborted)
        throw new StrataError('job_cancelled', `reading ${name} was cancelled`, { cause: options.signal.reason });
      const rows = images.rows.slice(start, start + size);
      yield {
        rows: rows.map((r) => [r.image, r.label]),
        lines: rows.map((_, i) => start + i + 1),
        start,
      };
    }
  } finally {
    images.close();
  }
}

/** @throws StrataError `invalid_data` naming the first file of the archive that is called a picture and is none */
export async function checkImages(path: string, name: string, signal?: AbortSignal): Promise<void> {
  const images = await openImages(path, name);
  try {
    for (const [i, row] of images.rows.entries()) {
      if (isIdxName(row.image.replace(/#\d+$/u, ''))) return;
      if (signal?.aborted)
        throw new StrataError('job_cancelled', `reading ${name} was cancelled`, { cause: signal.reason });
      if (pictureFormat(await images.encoded(i)) === undefined) throw unreadable(name, row.image);
    }
  } finally {
    images.close();
  }
}

/** Pictures as bytes in one size, and their classes. */
export interface ImageTable {
  /** [rows, height, width, channels]. */
  readonly pixels: Uint8Array;
  readonly size: ImageSize;
  readonly labels: readonly string[];
}

/** Pictures that are decoded at a time. */
const AT_ONCE = 8;

/**
 * Pixels [count, height, width, channels] of some pictures of an archive, at most `count` of them at a time, in the order of `rows`.
 * @throws StrataError `invalid_data` naming the file inside the archive, `job_cancelled`
 */
export async function* imageBatches(
  images: ImageArchive,
  rows: Int32Array,
  size: ImageSize,
  count: number,
  options: { readonly name?: string; readonly signal?: AbortSignal } = {},
): AsyncGenerator<Uint8Array> {
  const length = size.height * size.width * size.channels;
  for (let start = 0; start < rows.length; start += count) {
    const batch = rows.subarray(start, start + count);
    const pixels = new Uint8Array(batch.length * length);
    for (let from = 0; from < batch.length; from += AT_ONCE) {
      if (options.signal?.aborted)
        throw new StrataError('job_cancelled', `reading ${options.name ?? 'pictures'} was cancelled`, {
          cause: options.signal.reason,
        });
      const decoded = await Promise.all(
        Array.from(batch.subarray(from, from + AT_ONCE), (r) => images.pixels(r, size)),
      );
      decoded.forEach((data, i) => pixels.set(data, (from + i) * length));
    }
    yield pixels;
  }
}

export interface LoadImagesOptions extends Partial<ImageSize> {
  readonly name?: string;
  readonly signal?: AbortSignal;
  /** Only these pictures, in this order; all by default. */
  readonly rows?: Int32Array;
}

/**
 * Pictures of a dataset in one size; what is not given of it is taken from the first picture.
 * @throws StrataError `invalid_data` naming the file inside the archive, `out_of_memory`, `job_cancelled`
 */
export async function loadImages(path: string, options: LoadImagesOptions = {}): Promise<ImageTable> {
  const { name = basename(path), ...rest } = options;
  const images = await openImages(path, name);
  try {
    const size = await sizeOf(images, rest);
    const rows = options.rows ?? Int32Array.from(images.rows.keys());
    const pixels = allocate(rows.length, size.height * size.width * size.channels, size, name);
    let at = 0;
    for await (const some of imageBatches(images, rows, size, AT_ONCE, { ...rest, name })) {
      pixels.set(some, at);
      at += some.length;
    }
    return { pixels, size, labels: Array.from(rows, (r) => images.rows[r]?.label ?? '') };
  } finally {
    images.close();
  }
}

async function sizeOf(images: ImageArchive, given: Partial<ImageSize>): Promise<ImageSize> {
  const first = await images.size(0);
  return {
    height: given.height ?? first.height,
    width: given.width ?? first.width,
    channels: given.channels ?? first.channels,
  };
}

function allocate(count: number, length: number, size: ImageSize, name: string): Uint8Array {
  try {
    return new Uint8Array(count * length);
  } catch (e) {
    throw new StrataError(
      'out_of_memory',
      `the ${count} pictures of ${name} do not fit into memory as ${size.height} × ${size.width} × ${size.channels} bytes. Choose a smaller height and width.`,
      { cause: e },
    );
  }
}
