import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { DatasetHandle, InputHandle, ModelHandle, RecipeDefinition } from '@strata/contracts';
import { openImages } from '@strata/data';
import { openModel } from '@strata/serving';
import { zipSync } from 'fflate';
import predict from '../../inference/batch-predict/batch-predict.recipe.js';
import evaluate from '../../inference/evaluate/evaluate.recipe.js';
import { idxArchive } from '../../testing/idx-archive.js';
import { importedModel } from '../../testing/imported-model.js';
import {
  asInput,
  datasetFromText,
  digest,
  localDataset,
  localFolder,
  runLocally,
  type LocalJob,
  type LocalRun,
} from '../../testing/local-context.js';
import { noise } from '../../testing/noise.js';
import { pictureNetwork, type Shaped } from '../../testing/picture-network.js';
import classifier from '../../vision/image-classifier/image-classifier.recipe.js';
import { smokePictures } from '../../vision/image-classifier/smoke.js';
import recipe from './fine-tune-onnx.recipe.js';

let root = '';
let count = 0;
const folder = (): string => join(root, String(count++));
beforeAll(async () => void (root = await localFolder('strata-tune-pictures-')));
afterAll(() => rm(root, { recursive: true, force: true }));

const network = (shaped: Shaped): Promise<ModelHandle> => importedModel(folder(), pictureNetwork(shaped));

async function archive(bytes: Uint8Array): Promise<DatasetHandle> {
  const path = `${folder()}.zip`;
  await writeFile(path, bytes);
  return localDataset(path);
}

/** 60 pictures of noise: their class is the channel that is brighter. */
function colours(): { pixels: Uint8Array; labels: number[]; side: [number, number, 3] } {
  const [h, w] = [6, 8];
  const labels = Array.from({ length: 60 }, (_, n) => n % 3);
  const pixels = Uint8Array.from({ length: 60 * h * w * 3 }, (_, i) => {
    const [n, c] = [Math.floor(i / (h * w * 3)), i % 3];
    return 90 + Math.round(40 * noise(i)) + (labels[n] === c ? 100 : 0);
  });
  return { pixels, labels, side: [h, w, 3] };
}

/** The same pictures as PNG files in folders. */
async function inFolders(data: DatasetHandle): Promise<DatasetHandle> {
  const images = await openImages(data.path);
  const files: Record<string, Uint8Array> = {};
  for (const [i, { label }] of images.rows.entries())
    files[`${['red', 'green', 'blue'][Number(label)]}/${String(i).padStart(3, '0')}.png`] = await images.encoded(i);
  images.close();
  return archive(zipSync(files));
}

const tune = (params: Record<string, unknown>, inputs: Record<string, InputHandle>, job: Partial<LocalJob> = {}) =>
  runLocally(
    recipe,
    { target: 'label', early_stopping: false, ...params },
    { dir: folder(), inputs, seed: 3, threads: 1, checkpointEvery: 1e9, ...job },
  );

function modelOf(run: LocalRun): ModelHandle {
  const output = asInput(run.outputs.get('model'));
  if (!('dir' in output)) throw new Error('no model');
  return output;
}

/** Probabilities of the pictures of a dataset, as they are served: from encoded pictures. */
async function served(model: ModelHandle, data: DatasetHandle): Promise<number[][]> {
  const images = await openImages(data.path);
  const sent = await Promise.all(
    images.rows.map(async (_, i) => Buffer.from(await images.encoded(i)).toString('base64')),
  );
  images.close();
  const predictor = await openModel(model.dir, { threads: 1 });
  const answers = await predictor.predict(sent);
  await predictor.close();
  return answers.map((a) => ('probabilities' in a ? Object.values(a.probabilities) : []));
}

const FULL = { mode: 'full', trunk_learning_rate: 1, learning_rate: 0.02, epochs: 25, batch_size: 16 };

describe('an archive of pictures', () => {
  it.each([
    ['grey, channels first, the head alone', { shape: ['N', 1, 8, 8] }, { learning_rate: 0.05, epochs: 60 }],
    ['grey, channels last, of open size, all weights', { shape: ['N', 'H', 'W', 1], last: true }, FULL],
    ['as float64', { shape: ['N', 1, 'H', 'W'], dtype: 'float64' }, { learning_rate: 0.05, epochs: 60 }],
  ] as const)('%s: served and judged as it was measured', async (_, made, params) => {
    const data = await archive(smokePictures());
    const run = await tune(params, { model: await network(made), train: data, test: data });
    expect(run.result['test_accuracy']).toBeGreaterThan(0.9);
    const model = modelOf(run);
    expect(model.manifest).toMatchObject({
      inputs: [{ name: 'image', datatype: 'BYTES' }],
      preprocess: { kind: 'image', height: 8, width: 8, channels: 1, mean: [0], std: [1] },
    });
    const judged = await runLocally(
      evaluate as RecipeDefinition,
      { latency_rows: 1 },
      { dir: folder(), inputs: { model, data } },
    );
    expect(judged.result['accuracy']).toBeCloseTo(Number(run.result['test_accuracy']), 6);
    expect(judged.result['log_loss']).toBeCloseTo(Number(run.result['test_log_loss']), 4);
    const predicted = await runLocally(predict as RecipeDefinition, {}, { dir: folder(), inputs: { model, data } });
    const out = predicted.outputs.get('data');
    expect(out?.kind === 'dataset' && out.format.columns.map((c) => c.name)).toContain('prediction');
  });

  it('colours: channels first and last, IDX and folders of PNG files give the same model', async () => {
    const idx = await archive(idxArchive(colours()));
    const params = { epochs: 20, learning_rate: 0.02, image_size: [6, 8] };
    const runs = [
      await tune(params, { model: await network({ shape: ['N', 3, 6, 8], channels: 3 }), train: idx, test: idx }),
      await tune(params, {
        model: await network({ shape: ['N', 'H', 8, 3], channels: 3, last: true }),
        train: idx,
        test: idx,
      }),
    ];
    for (const run of runs) expect(run.result['test_accuracy']).toBeGreaterThan(0.95);
    const [first = [], second = []] = await Promise.all(runs.map((r) => served(modelOf(r), idx)));
    expect(first).toHaveLength(60);
    first.forEach((row, i) => row.forEach((p, k) => expect(p).toBeCloseTo(second[i]?.[k] ?? NaN, 4)));
    // ImageNet's, as torchvision has them
    expect(modelOf(runs[0] as LocalRun).manifest.preprocess).toEqual({
      kind: 'image',
      height: 6,
      width: 8,
      channels: 3,
      mean: [0.485, 0.456, 0.406],
      std: [0.229, 0.224, 0.225],
    });
    const files = await inFolders(idx);
    const named = await tune(params, { model: await network({ shape: ['N', 3, 6, 8], channels: 3 }), train: files });
    expect(modelOf(named).manifest.labels).toEqual(['blue', 'green', 'red']);
  });

  it('goes on training a model of vision/image-classifier with its mean and deviation', async () => {
    const data = await archive(smokePictures());
    const base = modelOf(
      await runLocally(
        classifier as RecipeDefinition,
        { hidden_sizes: [4], depths: [1], epochs: 3, batch_size: 16, learning_rate: 0.05 },
        { dir: folder(), inputs: { train: data }, checkpointEvery: 1e9 },
      ),
    );
    const run = await tune({ ...FULL, crop_padding: 1, degrees: 5 }, { model: base, train: data, test: data });
    expect(run.result['test_accuracy']).toBeGreaterThan(0.9);
    expect(modelOf(run).manifest.preprocess).toEqual(base.manifest.preprocess);
    await expect(
      tune({}, { model: base, train: await datasetFromText(folder(), 'a,label\n1,x\n2,y\n') }),
    ).rejects.toMatchObject({ code: 'invalid_input', where: { field: 'inputs.train' } });
  });

  it('learns a number from the names of folders', async () => {
    // how bright the pictures of a folder are
    const labels = Array.from({ length: 48 }, (_, n) => 10 + 20 * (n % 6));
    const pixels = Uint8Array.from({ length: 48 * 16 }, (_, i) => Math.round((labels[i >> 4] ?? 0) + 8 + 8 * noise(i)));
    const data = await archive(idxArchive({ side: [4, 4], pixels, labels }));
    const model = await network({ shape: ['N', 1, 4, 4] });
    const run = await tune({ ...FULL, task: 'regression', epochs: 60 }, { model, train: data, test: data });
    expect(run.result['test_r2']).toBeGreaterThan(0.95);
  });
});

class Killed extends Error {}
it.each([
  ['the head', { epochs: 6, image_mean: null, image_std: null }],
  [
    'all weights, pictures varied',
    { mode: 'full', epochs: 4, crop_padding: 1, horizontal_flip: 0.5, degrees: 10, scale: 0.1, cutout: 2 },
  ],
])('killed and resumed to the identical model: %s', async (_, params) => {
  const data = await archive(smokePictures());
  const inputs = { model: await network({ shape: ['N', 1, 'H', 'W'] }), train: data, test: data };
  const all = { ...params, batch_size: 16, validation_fraction: 0.2 };
  const whole = await tune(all, inputs);
  const dir = folder();
  const onStep = (call: number): void => {
    if (call === 5) throw new Killed();
  };
  await expect(tune(all, inputs, { dir, onStep, checkpointEvery: 2 })).rejects.toBeInstanceOf(Killed);
  const resumed = await tune(all, inputs, { dir, attempt: 2, checkpointEvery: 2 });
  expect(resumed.steps).toBeLessThan(whole.steps);
  expect(resumed.result).toEqual(whole.result);
  for (const name of ['model', 'report']) {
    const [a, b] = [resumed.outputs.get(name), whole.outputs.get(name)];
    if (!a || !b) throw new Error(`no ${name}`);
    expect(await digest(a)).toEqual(await digest(b));
  }
  // other pictures each epoch make another model
  if ('cutout' in params) {
    const plain = await tune({ ...all, crop_padding: 0, horizontal_flip: 0, degrees: 0, scale: 0, cutout: 0 }, inputs);
    expect(plain.result['train_loss']).not.toEqual(whole.result['train_loss']);
  }
});
