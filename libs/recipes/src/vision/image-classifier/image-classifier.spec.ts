import { rm, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { DatasetHandle, RecipeDefinition } from '@strata/contracts';
import { describeFile, openImages } from '@strata/data';
import { openModel } from '@strata/serving';
import evaluate from '../../inference/evaluate/evaluate.recipe.js';
import predict from '../../inference/batch-predict/batch-predict.recipe.js';
import { asInput, localFolder, runLocally, type LocalRun } from '../../testing/local-context.js';
import definition from './image-classifier.recipe.js';
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
