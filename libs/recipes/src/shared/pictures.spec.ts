import { describe, expect, it } from '@jest/globals';
import { createRng } from '@strata/kernel';
import {
  channelCounter,
  channelStatistics,
  createBatches,
  drawVariation,
  writePicture,
  type PictureSource,
} from './pictures.js';

describe('pictures', () => {
  // 3 × 3, one channel, value = 10 y + x + 1
  const source: PictureSource = {
    pixels: Uint8Array.from({ length: 9 }, (_, i) => 10 * Math.floor(i / 3) + (i % 3) + 1),
    height: 3,
    width: 3,
    channels: 1,
    mean: [0],
    std: [1 / 255],
    seed: 5,
  };
  const none = { padding: 0, flip: 0, degrees: 0, scale: 0, cutout: 0 };
  const shown = (
    map: readonly [number, number, number, number, number, number],
    hole?: [number, number, number, number],
  ) => {
    const out = new Float32Array(9);
    writePicture(out, 0, source, 0, { map, hole });
    return [...out].map((v) => Math.round(v * 1e4) / 1e4);
  };

  it('are mirrored, shifted into black, turned and blanked', () => {
    expect(shown([-1, 0, 2, 0, 1, 0])).toEqual([3, 2, 1, 13, 12, 11, 23, 22, 21]);
    expect(shown([1, 0, 1, 0, 1, -1])).toEqual([0, 0, 0, 2, 3, 0, 12, 13, 0]);
    // a quarter turn: out(x, y) = in(y, 2 - x)
    expect(shown([0, 1, 0, -1, 0, 2])).toEqual([21, 11, 1, 22, 12, 2, 23, 13, 3]);
    // half a pixel to the right: the mean of neighbours
    expect(shown([1, 0, 0.5, 0, 1, 0]).slice(0, 3)).toEqual([1.5, 2.5, 1.5]);
    expect(shown([1, 0, 0, 0, 1, 0], [0, 1, 2, 3])).toEqual([1, 2, 3, 0, 0, 13, 0, 0, 23]);
  });

  it('draw the variations that were asked for', () => {
    expect(drawVariation(createRng(1), none, 3, 3)).toEqual({ map: [1, 0, 0, -0, 1, 0], hole: undefined });
    const shifts = new Set<number>();
    const rng = createRng(1);
    for (let i = 0; i < 200; i++) {
      const { map } = drawVariation(rng, { ...none, padding: 1, flip: 0.5 }, 3, 3);
      shifts.add(map[2]);
      expect(Math.abs(map[0])).toBe(1);
      expect(map[5]).toBe(Math.round(map[5]));
    }
    // mirrored or not, by -1, 0 or 1
    expect([...shifts].sort()).toEqual([-1, 0, 1, 2, 3].sort());
    // a rotation keeps distances and the centre
    const { map } = drawVariation(createRng(3), { ...none, degrees: 30 }, 3, 3);
    expect(map[0] * map[4] - map[1] * map[3]).toBeCloseTo(1, 12);
    expect(map[0] + map[1] + map[2]).toBeCloseTo(1, 12);
    expect(map[3] + map[4] + map[5]).toBeCloseTo(1, 12);
  });

  it('depend on seed and place alone', () => {
    const augmentation = { ...none, padding: 1, degrees: 20, cutout: 1 };
    const feeds = (seed: number, step: number) =>
      createBatches({ ...source, seed, augmentation }).feeds(Int32Array.of(0, 0), { epoch: 0, step, micro: 0 });
    const rows = (f: ReturnType<typeof feeds>) => [...(f['pixel_values']?.data as Float32Array)];
    expect(rows(feeds(1, 4))).toEqual(rows(feeds(1, 4)));
    expect(rows(feeds(1, 4))).not.toEqual(rows(feeds(1, 5)));
    expect(rows(feeds(1, 4))).not.toEqual(rows(feeds(2, 4)));
    // outside of training they are as they are
    expect([
      ...(createBatches({ ...source, augmentation }).feeds(Int32Array.of(0))['pixel_values']?.data as Float32Array),
    ]).toEqual(Array.from(source.pixels, (v) => Math.fround(v)));
  });

  it('have the mean and deviation of their channels, also when they come in parts', () => {
    const { mean, std } = channelStatistics(Uint8Array.of(0, 51, 255, 51), 2);
    expect(mean.map((v) => Number(v.toFixed(6)))).toEqual([0.5, 0.2]);
    expect(std).toEqual([0.5, 1]);
    const counter = channelCounter(2);
    counter.add(Uint8Array.of(0, 51));
    counter.add(Uint8Array.of(255, 51));
    expect(counter.statistics()).toEqual({ mean, std });
  });

  it('bring what is expected of them: classes, or numbers', () => {
    const feeds = (values: Int32Array | Float32Array) =>
      createBatches({ ...source, expected: { input: 'y', values } }).feeds(Int32Array.of(0, 0))['y'];
    expect(feeds(Int32Array.of(4))).toEqual({ dtype: 'int64', dims: [2], data: BigInt64Array.of(4n, 4n) });
    expect(feeds(Float32Array.of(0.5))).toEqual({ dtype: 'float32', dims: [2, 1], data: Float32Array.of(0.5, 0.5) });
  });
});
