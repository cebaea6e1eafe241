import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { DatasetHandle, InputHandle, ModelHandle, RecipeDefinition } from '@strata/contracts';
import { openImages } from '@strata/data';
import { GraphBuilder, tensorOf, toOnnx, type DType, type Shape } from '@strata/graph';
import { loadOnnx } from '@strata/graph/onnx';
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
import classifier from '../../vision/image-classifier/image-classifier.recipe.js';
import { smokePictures } from '../../vision/image-classifier/smoke.js';
import recipe from './fine-tune-onnx.recipe.js';
import { fineTuneOnnxParams } from './params.js';
import { pictures } from './picture-source.js';

let root = '';
let count = 0;
const folder = (): string => join(root, String(count++));
beforeAll(async () => void (root = await localFolder('strata-tune-pictures-')));
afterAll(() => rm(root, { recursive: true, force: true }));

const noise = (i: number): number => Math.sin(12.9898 * (i + 1)) * Math.cos(78.233 * (i + 2));
const values = (dims: number[], seed: number) => {
  const n = dims.reduce((a, b) => a * b, 1);
  return tensorOf(
    'float32',
    dims,
    Array.from({ length: n }, (_, i) => noise(i + seed)),
  );
};

interface Shaped {
  readonly shape: Shape;
  readonly last?: boolean;
  readonly channels?: number;
  readonly dtype?: DType;
}

/** A convolution, what it finds most of in each row and column, a dense layer; `last`: channels last, as tf2onnx writes it. */
async function network({ shape, last = false, channels = 1, dtype = 'float32' }: Shaped): Promise<ModelHandle> {
  const b = new GraphBuilder('network');
  const x = b.op.Cast(b.input('picture', dtype, shape), 'float32');
  const first = last ? b.op.Transpose(x, [0, 3, 1, 2]) : x;
  const kernel = b.initializer('kernel', values([8, channels, 3, 3], 3));
  const conv = b.op.Relu(b.op.Conv(first, kernel, b.initializer('bias', values([8], 9)), { pads: [1, 1, 1, 1] }));
  // the same feature at each place of a row, and at each of a column: lying and standing bars
  const rows = b.op.ReduceMax(conv, { axes: [2], keepdims: false });
  const columns = b.op.ReduceMax(conv, { axes: [3], keepdims: false });
  const features = b.op.Concat([b.op.ReduceMean(rows, { axes: [2] }), b.op.ReduceMean(columns, { axes: [2] })], 1);
  const flat = b.op.Reshape(features, [-1, 16]);
  b.output('old', b.op.Gemm(flat, b.initializer('w', values([16, 5], 40)), b.initializer('c', values([5], 60))));
  return importedModel(folder(), toOnnx(b.build()));
}

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

describe('values of pictures', () => {
  const rowsOf = (data: DatasetHandle, ...rows: number[]) => ({
    input: 'train',
    path: data.path,
    table: { rows: rows.length, columns: new Map(), lines: Uint32Array.from(rows, (r) => r + 1) },
    rows: Int32Array.from(rows),
    answers: Float64Array.from(rows),
  });
  /** What the trunk is fed with for pictures whose channels hold 51, 102, 255 (3) or 51 (1), and what is written to the manifest. */
  async function fed(channels: 1 | 3, params: Record<string, unknown>) {
    const pixel = channels === 3 ? [51, 102, 255] : [51];
    const other = channels === 3 ? [51, 0, 153] : [153];
    const side = channels === 3 ? ([1, 1, 3] as const) : ([1, 1] as const);
    const data = await archive(idxArchive({ side, pixels: Uint8Array.from([...pixel, ...other]), labels: [0, 1] }));
    const model = await network({ shape: ['N', channels, 1, 1], channels });
    const graph = loadOnnx(join(model.dir, 'model.onnx'));
    const p = fineTuneOnnxParams.parse({ target: 'label', ...params });
    const source = await pictures(model, graph, data, p, new AbortController().signal);
    await source.learn(rowsOf(data, 0, 1));
    for await (const feeds of source.once(rowsOf(data, 0), true))
      return {
        values: Array.from((feeds['pixel_values']?.data ?? []) as Float32Array),
        preprocess: source.manifest.preprocess,
      };
    throw new Error('no pictures');
  }
  const near = (found: readonly number[], wanted: readonly number[]): void => {
    expect(found).toHaveLength(wanted.length);
    wanted.forEach((w, i) => expect(found[i]).toBeCloseTo(w, 5));
  };

  it("are ImageNet's for colours, from 0 to 1 for grey", async () => {
    near((await fed(3, {})).values, [(0.2 - 0.485) / 0.229, (0.4 - 0.456) / 0.224, (1 - 0.406) / 0.225]);
    near((await fed(1, {})).values, [0.2]);
  });
  it('are as they are asked for', async () => {
    near((await fed(3, { image_mean: [0.5], image_std: [0.5, 0.25, 0.5] })).values, [-0.6, -0.4, 1]);
    near((await fed(3, { rescale: false })).values, [51, 102, 255]);
    // as models in the manner of Caffe take them
    const caffe = await fed(3, { rescale: false, image_mean: [123, 117, 104], image_std: [1] });
    near(caffe.values, [51 - 123, 102 - 117, 255 - 104]);
  });
  it('have the mean and deviation of the training pictures', async () => {
    // channels: 51 and 51 (no variation: divided by 1), 102 and 0, 255 and 153
    near((await fed(3, { image_mean: null, image_std: null })).values, [0, 1, 1]);
    const { preprocess } = await fed(1, { image_mean: null, image_std: [1] });
    expect(preprocess).toMatchObject({ mean: [0.4], std: [1] });
  });

  it('come a few pictures at a time when they are large, in the order of the rows', async () => {
    const data = await archive(
      idxArchive({ side: [1, 1], pixels: Uint8Array.of(51, 102, 153, 204), labels: [0, 1, 0, 1] }),
    );
    const model = await network({ shape: ['N', 1, 'H', 'W'] });
    const p = fineTuneOnnxParams.parse({ target: 'label', image_size: [2048, 1024] });
    const graph = loadOnnx(join(model.dir, 'model.onnx'));
    const source = await pictures(model, graph, data, p, new AbortController().signal);
    const seen: unknown[] = [];
    for await (const { pixel_values: x } of source.once(rowsOf(data, 3, 0, 1), false)) {
      const pixels = x?.data as Float32Array;
      const ends = Array.from({ length: x?.dims[0] ?? 0 }, (_, i) => pixels[(i + 1) * 2048 * 1024 - 1]?.toFixed(3));
      seen.push([x?.dims, ends]);
    }
    expect(seen).toEqual([
      [
        [2, 1, 2048, 1024],
        ['0.800', '0.200'],
      ],
      [[1, 1, 2048, 1024], ['0.400']],
    ]);
  });
});

describe('what does not fit is named', () => {
  const data = () => archive(smokePictures());
  it.each([
    ['two channels', { shape: ['N', 2, 8, 8], channels: 2 }, '"picture" float32 [N, 2, 8, 8]'],
    ['channels left open', { shape: ['N', 'C', 8, 8], channels: 1 }, '"picture" float32 [N, C, 8, 8]'],
    ['integers', { shape: ['N', 1, 8, 8], dtype: 'uint8' }, '"picture" uint8 [N, 1, 8, 8]'],
  ] as const)('%s', async (_, made, message) => {
    await expect(tune({}, { model: await network(made), train: await data() })).rejects.toMatchObject({
      code: 'invalid_input',
      message: expect.stringContaining(message),
      where: { field: 'inputs.model' },
    });
  });

  it('another rank', async () => {
    const b = new GraphBuilder();
    const x = b.input('x', 'float32', ['N', 64]);
    b.output('y', b.op.Gemm(x, b.initializer('w', values([64, 3], 1)), b.initializer('b', values([3], 2))));
    const model = await importedModel(folder(), toOnnx(b.build()));
    await expect(tune({}, { model, train: await data() })).rejects.toMatchObject({
      code: 'invalid_input',
      message: expect.stringMatching(/\[N, C, H, W\] or \[N, H, W, C\].*"x" float32 \[N, 64\]/),
    });
  });

  it('sizes, means, other datasets, other columns', async () => {
    const model = await network({ shape: ['N', 1, 8, 'W'] });
    const wrong = async (params: Record<string, unknown>, inputs: Record<string, InputHandle> = {}) =>
      tune(params, { model, train: await data(), ...inputs });
    await expect(wrong({ image_size: 16 })).rejects.toMatchObject({
      code: 'invalid_parameter',
      message: expect.stringContaining('16 × 16, and the model\'s input "picture" is [N, 1, 8, W]'),
      where: { field: 'params.image_size' },
    });
    await expect(wrong({ image_mean: [0.5, 0.5, 0.5] })).rejects.toMatchObject({
      code: 'invalid_parameter',
      message: 'image_mean has 3 numbers, and the model takes pictures of 1 channel.',
      where: { field: 'params.image_mean' },
    });
    await expect(wrong({ target: 'class' })).rejects.toMatchObject({ code: 'unknown_column' });
    await expect(wrong({}, { test: await datasetFromText(folder(), 'a,label\n1,0\n2,1\n') })).rejects.toMatchObject({
      code: 'invalid_input',
      where: { field: 'inputs.test' },
    });
  });

  it('a model that is bound to one picture at a time', async () => {
    const b = new GraphBuilder();
    const x = b.input('x', 'float32', [1, 1, 8, 8]);
    const flat = b.op.Reshape(x, [1, 64]);
    b.output('y', b.op.Gemm(flat, b.initializer('w', values([64, 3], 1)), b.initializer('b', values([3], 2))));
    const model = await importedModel(folder(), toOnnx(b.build()));
    await expect(tune({}, { model, train: await data() })).rejects.toMatchObject({
      code: 'invalid_model',
      message: expect.stringContaining('for 1 row at a time'),
    });
  });
});
