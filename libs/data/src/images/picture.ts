import { StrataError } from '@strata/kernel';
import type Sharp from 'sharp';

export interface ImageSize {
  readonly height: number;
  readonly width: number;
  readonly channels: 1 | 3;
}

/** An encoded picture's format by its first bytes. */
export function pictureFormat(bytes: Uint8Array): 'png' | 'jpeg' | 'webp' | 'gif' | undefined {
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(12, bytes.byteLength)).toString('latin1');
  if (head.startsWith('\x89PNG')) return 'png';
  if (head.startsWith('\xff\xd8\xff')) return 'jpeg';
  if (head.startsWith('RIFF') && head.slice(8) === 'WEBP') return 'webp';
  if (head.startsWith('GIF8')) return 'gif';
  return undefined;
}

// the decoder is native: only who decodes loads it
let loaded: Promise<typeof Sharp> | undefined;
const decoder = (): Promise<typeof Sharp> =>
  (loaded ??= import('sharp').then(({ default: sharp }) => {
    // pictures are decoded several at a time; each in one thread, nothing kept afterwards
    sharp.concurrency(1);
    sharp.cache(false);
    return sharp;
  }));

/** @param what how messages call the picture */
const undecodable = (what: string, cause: unknown): StrataError =>
  new StrataError(
    'invalid_data',
    `${what} cannot be decoded: ${(cause as Error).message}. PNG, JPEG, WebP and GIF can be read.`,
    { cause, where: { file: what } },
  );

/** Height, width and channels of an encoded picture, upright. @throws StrataError `invalid_data` */
export async function pictureSize(bytes: Uint8Array, what: string): Promise<ImageSize> {
  try {
    const { autoOrient, channels, space } = await (await decoder())(bytes).metadata();
    return { ...autoOrient, channels: space === 'b-w' || channels < 3 ? 1 : 3 };
  } catch (e) {
    throw undecodable(what, e);
  }
}

/**
 * Pixels of an encoded picture, row by row, [height, width, channels]: turned upright, transparent parts black, grey or sRGB, resized (bilinear, antialiased) to the size that is asked for
 * whatever its proportions.
 * @throws StrataError `invalid_data` naming the picture
 */
export async function decodePicture(bytes: Uint8Array, size: ImageSize, what: string): Promise<Uint8Array> {
  const sharp = await decoder();
  try {
    const picture = sharp(bytes)
      .autoOrient()
      .flatten({ background: '#000' })
      .toColourspace(size.channels === 1 ? 'b-w' : 'srgb')
      .resize({ width: size.width, height: size.height, fit: 'fill', kernel: 'linear' });
    const { data, info } = await picture.raw().toBuffer({ resolveWithObject: true });
    return info.channels === size.channels ? data : withChannels(data, info.channels, size.channels);
  } catch (e) {
    throw undecodable(what, e);
  }
}

/** Raw pixels [height, width, channels] in another size. */
export async function resizePixels(data: Uint8Array, from: ImageSize, to: ImageSize): Promise<Uint8Array> {
  if (from.height === to.height && from.width === to.width) return withChannels(data, from.channels, to.channels);
  const sharp = await decoder();
  const raw = { width: from.width, height: from.height, channels: from.channels };
  const resized = await sharp(data, { raw })
    .resize({ width: to.width, height: to.height, fit: 'fill', kernel: 'linear' })
    .raw()
    .toBuffer({ resolveWithObject: true });
  return withChannels(resized.data, resized.info.channels, to.channels);
}

/** Raw pixels as a PNG file. */
export async function encodePng(data: Uint8Array, size: ImageSize): Promise<Buffer> {
  const { width, height, channels } = size;
  const picture = (await decoder())(data, { raw: { width, height, channels } });
  return (channels === 1 ? picture.toColourspace('b-w') : picture).png({ compressionLevel: 1 }).toBuffer();
}

/** Grey repeated for each channel; colours weighted to grey (ITU-R BT.601). */
function withChannels(data: Uint8Array, from: number, to: 1 | 3): Uint8Array {
  if (from === to) return data;
  const places = data.length / from;
  const out = new Uint8Array(places * to);
  for (let i = 0; i < places; i++) {
    const [r = 0, g = r, b = r] = from >= 3 ? data.subarray(i * from, i * from + 3) : [data[i * from] ?? 0];
    if (to === 1) out[i] = Math.round(0.299 * r + 0.587 * g + 0.114 * b);
    else out.set([r, g, b], i * 3);
  }
  return out;
}
