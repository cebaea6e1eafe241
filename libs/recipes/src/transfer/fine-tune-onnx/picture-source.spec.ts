import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { DatasetHandle, InputHandle, ModelHandle } from '@strata/contracts';
import { GraphBuilder, toOnnx } from '@strata/graph';
import { loadOnnx } from '@strata/graph/onnx';
import { idxArchive } from '../../testing/idx-archive.js';
import { importedModel } from '../../testing/imported-model.js';
import { datasetFromText, localDataset, localFolder, runLocally } from '../../testing/local-context.js';
import { noiseTensor } from '../../testing/noise.js';
import { pictureNetwork, type Shaped } from '../../testing/picture-network.js';
import { smokePictures } from '../../vision/image-classifier/smoke.js';
import recipe from './fine-tune-onnx.recipe.js';
import { fineTuneOnnxParams } from './params.js';
import { pictures } from './picture-source.js';

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
  const tune = (params: Record<string, unknown>, inputs: Record<string, InputHandle>) =>
    runLocally(recipe, { target: 'label', ...params }, { dir: folder(), inputs });
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
    b.output('y', b.op.Gemm(x, b.initializer('w', noiseTensor([64, 3], 1)), b.initializer('b', noiseTensor([3], 2))));
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
    b.output(
      'y',
      b.op.Gemm(flat, b.initializer('w', noiseTensor([64, 3], 1)), b.initializer('b', noiseTensor([3], 2))),
    );
    const model = await importedModel(folder(), toOnnx(b.build()));
    await expect(tune({}, { model, train: await data() })).rejects.toMatchObject({
      code: 'invalid_model',
      message: expect.stringContaining('for 1 row at a time'),
    });
  });
});
