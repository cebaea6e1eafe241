import { createRng, type Rng } from '@strata/kernel';
import type { Batches, Feeds } from '@strata/training';

// This module also runs in the thread that prepares batches: it must not load the native runtime.

/** How training pictures are varied. */
export interface Augmentation {
  /** Pixels of black around the picture before a crop of its size. */
  readonly padding: number;
  readonly flip: number;
  readonly degrees: number;
  readonly scale: number;
  readonly cutout: number;
}

/** The graph's input that takes pictures. */
export const PICTURES = 'pixel_values';

/** What is to be learned of each row, and the training graph's input that takes it: classes as int64 [N], numbers as float32 [N, 1]. */
export interface Expected {
  readonly input: string;
  readonly values: Int32Array | Float32Array;
}

/** Pictures in memory and how they become inputs. */
export interface PictureSource {
  /** [rows, height, width, channels]. */
  readonly pixels: Uint8Array;
  readonly expected?: Expected;
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  /** Of each channel, of values in [0, 1]. */
  readonly mean: readonly number[];
  readonly std: readonly number[];
  readonly seed: number;
  readonly augmentation?: Augmentation;
}

/** What is done to one picture: output place (x, y) shows input place (a x + b y + c, d x + e y + f). */
export interface Variation {
  readonly map: readonly [a: number, b: number, c: number, d: number, e: number, f: number];
  /** Left, top, right, bottom of the square that is blanked. */
  readonly hole: readonly [number, number, number, number] | undefined;
}

/** Draws a variation. Numbers are drawn only for what is asked for. */
export function drawVariation(
  rng: Rng,
  { padding, flip, degrees, scale, cutout }: Augmentation,
  height: number,
  width: number,
): Variation {
  const even = (most: number): number => most * (2 * rng.next() - 1);
  const dx = padding > 0 ? rng.int(2 * padding + 1) - padding : 0;
  const dy = padding > 0 ? rng.int(2 * padding + 1) - padding : 0;
  const mirror = flip > 0 && rng.next() < flip ? -1 : 1;
  const angle = degrees > 0 ? (even(degrees) * Math.PI) / 180 : 0;
  const zoom = scale > 0 ? 1 + even(scale) : 1;
  // about the centre: out → in is the inverse rotation and zoom
  const [cx, cy] = [(width - 1) / 2, (height - 1) / 2];
  const [cos, sin] = [Math.cos(angle) / zoom, Math.sin(angle) / zoom];
  const [a, b, d, e] = [mirror * cos, mirror * sin, -sin, cos];
  let hole: Variation['hole'];
  if (cutout > 0) {
    const [x, y] = [rng.int(width), rng.int(height)];
    const half = Math.floor(cutout / 2);
    hole = [
      Math.max(0, x - half),
      Math.max(0, y - half),
      Math.min(width, x - half + cutout),
      Math.min(height, y - half + cutout),
    ];
  }
  return { map: [a, b, cx - a * cx - b * cy + mirror * dx, d, e, cy - d * cx - e * cy + dy], hole };
}

const PLAIN: Variation = { map: [1, 0, 0, 0, 1, 0], hole: undefined };

/** Writes a picture [height, width, channels] as normalised floats [channels, height, width] to `out` at `at`; what lies outside of it is black. */
export function writePicture(
  out: Float32Array,
  at: number,
  source: Pick<PictureSource, 'pixels' | 'height' | 'width' | 'channels' | 'mean' | 'std'>,
  row: number,
  { map, hole }: Variation,
): void {
  const { pixels, height, width, channels } = source;
  const from = row * height * width * channels;
  const [a, b, c, d, e, f] = map;
  // shifts and mirror images fall on pixels
  const exact = Math.abs(a) === 1 && b === 0 && d === 0 && e === 1 && Number.isInteger(c) && Number.isInteger(f);
  const pixel = (x: number, y: number, k: number): number =>
    x >= 0 && y >= 0 && x < width && y < height ? (pixels[from + (y * width + x) * channels + k] as number) : 0;
  for (let k = 0; k < channels; k++) {
    const factor = 1 / (255 * (source.std[k] ?? 1));
    const shift = (source.mean[k] ?? 0) / (source.std[k] ?? 1);
    let to = at + k * height * width;
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++, to++) {
        const u = a * x + b * y + c;
        const v = d * x + e * y + f;
        let value: number;
        if (exact) value = pixel(u, v, k);
        else {
          const [left, top] = [Math.floor(u), Math.floor(v)];
          const [s, t] = [u - left, v - top];
          value =
            (1 - t) * ((1 - s) * pixel(left, top, k) + s * pixel(left + 1, top, k)) +
            t * ((1 - s) * pixel(left, top + 1, k) + s * pixel(left + 1, top + 1, k));
        }
        out[to] = value * factor - shift;
      }
    if (!hole) continue;
    // the mean colour
    const [left, top, right, bottom] = hole;
    for (let y = top; y < bottom; y++) {
      const line = at + (k * height + y) * width;
      out.fill(0, line + left, line + right);
    }
  }
}

/** What is expected of these rows, by the name of its input. */
export function expectedOf({ input, values }: Expected, rows: Int32Array): Feeds {
  if (values instanceof Int32Array) {
    const data = BigInt64Array.from(rows, (r) => BigInt(values[r] as number));
    return { [input]: { dtype: 'int64', dims: [rows.length], data } };
  }
  const data = Float32Array.from(rows, (r) => values[r] as number);
  return { [input]: { dtype: 'float32', dims: [rows.length, 1], data } };
}

/** Batches of pictures as `pixel_values` [N, C, H, W], with what is expected of them. Variations are a function of seed, epoch, step and micro-batch alone. */
export function createBatches(source: PictureSource): Batches {
  const { height, width, channels, expected, augmentation } = source;
  const length = height * width * channels;
  const root = createRng(source.seed);
  return {
    rows: source.pixels.length / length,
    feeds(rows, at): Feeds {
      const out = new Float32Array(rows.length * length);
      const rng = augmentation && at ? root.fork(`${at.epoch}/${at.step}/${at.micro}`) : undefined;
      rows.forEach((row, i) => {
        const variation = rng && augmentation ? drawVariation(rng, augmentation, height, width) : PLAIN;
        writePicture(out, i * length, source, row, variation);
      });
      const images = { dtype: 'float32' as const, dims: [rows.length, channels, height, width], data: out };
      return { [PICTURES]: images, ...(expected ? expectedOf(expected, rows) : {}) };
    },
  };
}

export interface ChannelStatistics {
  readonly mean: readonly number[];
  readonly std: readonly number[];
}

/** Counts the values of each channel, some pixels at a time. */
export function channelCounter(channels: number): { add(pixels: Uint8Array): void; statistics(): ChannelStatistics } {
  const counts = Array.from({ length: channels }, () => new Float64Array(256));
  let values = 0;
  return {
    add(pixels) {
      for (let i = 0; i < pixels.length; i++) {
        const c = counts[i % channels] as Float64Array;
        const v = pixels[i] as number;
        c[v] = (c[v] as number) + 1;
      }
      values += pixels.length;
    },
    statistics() {
      const n = values / channels;
      const moment = (c: Float64Array, of: (v: number) => number) =>
        c.reduce((sum, k, v) => sum + k * of(v / 255), 0) / n;
      const mean = counts.map((c) => moment(c, (v) => v));
      const std = counts.map((c, i) => Math.sqrt(moment(c, (v) => (v - (mean[i] ?? 0)) ** 2)) || 1);
      return { mean, std };
    },
  };
}

/** Mean and standard deviation of each channel, of values in [0, 1]; a channel without variation gets 1. */
export function channelStatistics(pixels: Uint8Array, channels: number): ChannelStatistics {
  const counter = channelCounter(channels);
  counter.add(pixels);
  return counter.statistics();
}
