import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { zipSync } from 'fflate';
import { describeFile } from '../describe.js';
import { readRows } from '../rows.js';
import { imageBatches, loadImages, openImages } from './images.js';
import { decodePicture, encodePng, pictureSize } from './picture.js';

let dir = '';
beforeAll(async () => void (dir = await mkdtemp(join(tmpdir(), 'strata-images-'))));
afterAll(() => rm(dir, { recursive: true, force: true }));

let files = 0;
async function archive(content: Record<string, Uint8Array>): Promise<string> {
  const path = join(dir, `pictures-${files++}.zip`);
  await writeFile(path, zipSync(content));
  return path;
}

/** An IDX file as its format is published: 0, 0, type 8 (bytes), number of axes, sizes in big-endian, elements. */
const idx = (dims: readonly number[], data: readonly number[]): Uint8Array =>
  Uint8Array.from([0, 0, 8, dims.length, ...dims.flatMap((d) => [0, 0, 0, d]), ...data]);

const RED = [255, 0, 0];
const GREEN = [0, 255, 0];
const colours = (n: number, colour: readonly number[]): Uint8Array =>
  Uint8Array.from(Array.from({ length: n }, () => colour).flat());

describe('an archive of pictures in folders', () => {
  it('gives path and folder of each picture, in order of the paths, and their pixels in one size', async () => {
    const red = await encodePng(colours(12, RED), { height: 3, width: 4, channels: 3 });
    const green = await encodePng(colours(4, GREEN), { height: 2, width: 2, channels: 3 });
    const path = await archive({
      'set/warm/b.png': red,
      'set/cold/a.PNG': green,
      'set/cold/.hidden.png': green,
      '__MACOSX/set/cold/._a.png': green,
      'README.md': Uint8Array.of(65),
    });
    const format = await describeFile(path);
    expect(format).toMatchObject({ format: 'images', rows: 2 });
    expect(format.columns.map((c) => [c.name, c.type, c.distinct])).toEqual([
      ['image', 'text', 2],
      ['label', 'category', 2],
    ]);
    const rows: unknown[] = [];
    for await (const batch of readRows(path, format)) rows.push(...batch.rows);
    expect(rows).toEqual([
      ['set/cold/a.PNG', 'cold'],
      ['set/warm/b.png', 'warm'],
    ]);
    const table = await loadImages(path);
    expect(table.size).toEqual({ height: 2, width: 2, channels: 3 });
    expect(table.labels).toEqual(['cold', 'warm']);
    expect([...table.pixels]).toEqual([...colours(4, GREEN), ...colours(4, RED)]);
    const other = await loadImages(path, { height: 1, width: 3, channels: 1 });
    // BT.601 luma in linear or gamma space: green is brighter than red, and each picture has one grey
    expect(other.pixels).toHaveLength(6);
    expect(new Set(other.pixels.subarray(0, 3)).size).toBe(1);
    expect(other.pixels[0]).toBeGreaterThan((other.pixels[3] ?? 255) + 40);
  });

  it('names the file inside the archive that is wrong', async () => {
    const png = await encodePng(colours(1, RED), { height: 1, width: 1, channels: 3 });
    const noPicture = await archive({ 'a/x.png': Uint8Array.of(1, 2, 3) });
    await expect(describeFile(noPicture, { name: 'mine.zip' })).rejects.toMatchObject({
      code: 'invalid_data',
      message: expect.stringContaining('"a/x.png" in mine.zip'),
    });
    const cutOff = await archive({ 'a/ok.png': png, 'a/x.png': png.subarray(0, 40) });
    await expect(loadImages(cutOff, { name: 'mine.zip' })).rejects.toMatchObject({
      code: 'invalid_data',
      message: expect.stringContaining('"a/x.png" in mine.zip'),
    });
    await expect(describeFile(await archive({ 'x.png': png }))).rejects.toMatchObject({
      message: expect.stringContaining('lies in no folder'),
    });
    await expect(describeFile(await archive({ 'a/x.bmp': png, 'a/y.png': png }))).rejects.toMatchObject({
      message: expect.stringContaining('"a/x.bmp"'),
    });
    await expect(describeFile(await archive({ 'notes.txt': png }))).rejects.toMatchObject({ code: 'empty_data' });
    const whole = zipSync({ 'a/x.png': png });
    const broken = join(dir, 'broken.zip');
    await writeFile(broken, whole.subarray(0, whole.length - 30));
    await expect(describeFile(broken)).rejects.toMatchObject({ code: 'invalid_data', where: { file: 'broken.zip' } });
  });
});

describe('an archive of IDX files', () => {
  const images = idx([2, 2, 3], [1, 2, 3, 4, 5, 6, 10, 20, 30, 40, 50, 60]);

  it('pairs pictures with labels, packed or not', async () => {
    const path = await archive({
      't-images-idx3-ubyte.gz': gzipSync(images),
      't-labels-idx1-ubyte': idx([2], [7, 0]),
    });
    expect(await describeFile(path)).toMatchObject({ format: 'images', rows: 2 });
    const table = await loadImages(path);
    expect(table).toMatchObject({ size: { height: 2, width: 3, channels: 1 }, labels: ['7', '0'] });
    expect([...table.pixels]).toEqual([1, 2, 3, 4, 5, 6, 10, 20, 30, 40, 50, 60]);
    // as a model of colours takes them
    expect([...(await loadImages(path, { channels: 3 })).pixels.subarray(0, 6)]).toEqual([1, 1, 1, 2, 2, 2]);
    const opened = await openImages(path);
    const png = await opened.encoded(1);
    opened.close();
    const size = await pictureSize(png, 'png');
    expect(size).toEqual({ height: 2, width: 3, channels: 1 });
    expect([...(await decodePicture(png, size, 'png'))]).toEqual([10, 20, 30, 40, 50, 60]);
  });

  it('gives some of them, in the order that is asked for, and a few at a time', async () => {
    const path = await archive({
      't-images-idx3-ubyte': idx([5, 1, 2], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]),
      't-labels-idx1-ubyte': idx([5], [0, 1, 2, 3, 4]),
    });
    const some = await loadImages(path, { rows: Int32Array.of(4, 0) });
    expect([...some.pixels]).toEqual([9, 10, 1, 2]);
    expect(some.labels).toEqual(['4', '0']);
    const opened = await openImages(path);
    const batches: number[][] = [];
    const size = { height: 1, width: 2, channels: 1 } as const;
    for await (const pixels of imageBatches(opened, Int32Array.of(3, 1, 0), size, 2)) batches.push([...pixels]);
    expect(batches).toEqual([
      [7, 8, 3, 4],
      [1, 2],
    ]);
    const stopped = imageBatches(opened, Int32Array.of(3), size, 2, { name: 'some', signal: AbortSignal.abort() });
    await expect(stopped.next()).rejects.toMatchObject({ code: 'job_cancelled' });
    opened.close();
  });

  it('names what is missing or cut off', async () => {
    const alone = await archive({ 't-images-idx3-ubyte': images });
    await expect(describeFile(alone)).rejects.toMatchObject({
      code: 'invalid_data',
      message: expect.stringContaining('"t-labels-idx1-ubyte"'),
    });
    const short = await archive({
      't-images-idx3-ubyte': images.subarray(0, 20),
      't-labels-idx1-ubyte': idx([2], [7, 0]),
    });
    await expect(describeFile(short)).rejects.toMatchObject({ message: expect.stringContaining('2 × 2 × 3 bytes') });
    const uneven = await archive({ 't-images-idx3-ubyte': images, 't-labels-idx1-ubyte': idx([1], [7]) });
    await expect(describeFile(uneven)).rejects.toMatchObject({ message: expect.stringContaining('1 labels') });
  });
});
