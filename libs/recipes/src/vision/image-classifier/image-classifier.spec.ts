import { rm, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { DatasetHandle, RecipeDefinition } from '@strata/contracts';
import { describeFile, openImages } from '@strata/data';
import { createRng } from '@strata/kernel';
import { openModel } from '@strata/serving';
import evaluate from '../../inference/evaluate/evaluate.recipe.js';
import predict from '../../inference/batch-predict/batch-predict.recipe.js';
import { asInput, localFolder, runLocally, type LocalRun } from '../../testing/local-context.js';
import definition from './image-classifier.recipe.js';
import { channelStatistics, createBatches, drawVariation, writePicture, type PictureSource } from './pictures.js';
import { smokePictures } from './smoke.js';

const recipe = definition as RecipeDefinition;
let root = '';
let data: DatasetHandle;
let run: LocalRun;
beforeAll(async () => {
  root = await localFolder('strata-vision-');
  const path = `${root}/bars.zip`;
  await writeFile(path, smokePictures());
  data = { id: 'bars', path, format: await describeFile(path) };
  const params = {
    hidden_sizes: [4, 8],
    depths: [1, 1],
    epochs: 12,
    batch_size: 16,
    crop_padding: 0,
    learning_rate: 0.05,
  };
  run = await runLocally(recipe, params, {
    dir: `${root}/train`,
    inputs: { train: data, test: data },
    seed: 2,
    checkpointEvery: 1e9,
  });
}, 60_000);
afterAll(() => rm(root, { recursive: true, force: true }));

describe('vision/image-classifier', () => {
  it('tells lying from standing bars, served as it was measured: from encoded pictures', async () => {
    expect(run.result['test_accuracy']).toBeGreaterThan(0.9);
    const model = asInput(run.outputs.get('model'));
    if (!('dir' in model)) throw new Error('no model');
    const archive = await openImages(data.path);
    const pictures = await Promise.all(
      archive.rows.map(async (_, i) => Buffer.from(await archive.encoded(i)).toString('base64')),
    );
    archive.close();
    const predictor = await openModel(model.dir);
    const answers = await predictor.predict([`data:image/png;base64,${pictures[0]}`, ...pictures.slice(1)]);
    await expect(predictor.predict(['not a picture!'])).rejects.toMatchObject({
      code: 'invalid_input',
      where: { line: 1 },
    });
    await expect(predictor.predict([pictures[0] ?? '', 'aGVsbG8='])).rejects.toMatchObject({
      code: 'invalid_input',
      message: expect.stringContaining('row 2'),
    });
    await predictor.close();
    const right = answers.filter((a, i) => 'label' in a && a.label === archive.rows[i]?.label).length;
    expect(right / answers.length).toBeCloseTo(Number(run.result['test_accuracy']), 6);
  });

  it('is evaluated and predicts over a dataset of pictures', async () => {
    const inputs = { model: asInput(run.outputs.get('model')), data };
    const judged = await runLocally(
      evaluate as RecipeDefinition,
      { latency_rows: 2 },
      { dir: `${root}/evaluate`, inputs },
    );
    expect(judged.result['accuracy']).toBeCloseTo(Number(run.result['test_accuracy']), 6);
    const predicted = await runLocally(predict as RecipeDefinition, {}, { dir: `${root}/predict`, inputs });
    const out = predicted.outputs.get('data');
    expect(out?.kind === 'dataset' && out.format.columns.map((c) => c.name)).toEqual([
      'image',
      'label',
      'prediction',
      'prediction_probability',
    ]);
  });

  it('refuses stages that do not fit', async () => {
    const wrong = async (params: Record<string, unknown>) =>
      runLocally(recipe, params, { dir: `${root}/wrong`, inputs: { train: data } });
    await expect(wrong({ depths: [1] })).rejects.toMatchObject({ where: { field: 'params.depths' } });
    await expect(wrong({ hidden_sizes: [2, 2, 2, 2, 2], depths: [1, 1, 1, 1, 1] })).rejects.toMatchObject({
      code: 'invalid_parameter',
      message: expect.stringContaining('8 × 8 pixels'),
    });
  });
});

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

  it('have the mean and deviation of their channels', () => {
    const { mean, std } = channelStatistics(Uint8Array.of(0, 51, 255, 51), 2);
    expect(mean.map((v) => Number(v.toFixed(6)))).toEqual([0.5, 0.2]);
    expect(std).toEqual([0.5, 1]);
  });
});
