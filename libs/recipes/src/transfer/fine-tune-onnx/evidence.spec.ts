import { existsSync, readFileSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, describe, expect, it } from '@jest/globals';
import type { DatasetHandle, ModelHandle } from '@strata/contracts';
import { tensorOf, toOnnx, type Graph } from '@strata/graph';
import { loadOnnx } from '@strata/graph/onnx';
import { createRng } from '@strata/kernel';
import { datasetFromText, localFolder, runLocally } from '../../testing/local-context.js';
import recipe from './fine-tune-onnx.recipe.js';

// A network that PyTorch trained on the digits 0 to 4 (tools/fixtures/digit_trunk.py) learns to tell 5 to 9 from few examples.
const mnist = path.join(
  process.env.STRATA_DATA ?? path.resolve(import.meta.dirname, '../../../../../../shared/data'),
  'mnist',
);
const present = existsSync(mnist);
if (!present) console.log(`skipped: transfer on MNIST (set STRATA_DATA; there is no ${mnist})`);

const TRUNK = path.join(import.meta.dirname, 'fixtures/digits-0-4.onnx');
const PIXELS = 28 * 28;
const idx = (file: string, header: number): Buffer => gunzipSync(readFileSync(path.join(mnist, file))).subarray(header);

/** The first `each` pictures of each digit from 5 on, a column for each pixel. */
function digits(part: 'train' | 't10k', each: number): string {
  const images = idx(`${part}-images-idx3-ubyte.gz`, 16);
  const labels = idx(`${part}-labels-idx1-ubyte.gz`, 8);
  const count = new Map<number, number>();
  const lines = [[...Array.from({ length: PIXELS }, (_, i) => `p${i}`), 'digit'].join(',')];
  labels.forEach((label, n) => {
    const seen = count.get(label) ?? 0;
    if (label < 5 || seen === each) return;
    count.set(label, seen + 1);
    const pixels = images.subarray(n * PIXELS, (n + 1) * PIXELS);
    lines.push([...Array.from(pixels, (v) => (v === 0 ? '0' : (v / 255).toFixed(3))), label].join(','));
  });
  return lines.join('\n') + '\n';
}

/** The same network with weights as PyTorch draws them: uniform in ±1/√fan-in. */
function untrained(graph: Graph): Graph {
  const rng = createRng(5);
  const initializers = new Map(
    [...graph.initializers].map(([name, t]) => {
      if (t.dtype !== 'float32') return [name, t] as const;
      const weight = graph.initializers.get(name.replace('bias', 'weight')) ?? t;
      const bound = 1 / Math.sqrt(weight.dims.slice(1).reduce((a, b) => a * b, 1));
      return [
        name,
        tensorOf(
          'float32',
          t.dims,
          Array.from({ length: t.data.length }, () => bound * (2 * rng.next() - 1)),
        ),
      ] as const;
    }),
  );
  return { ...graph, initializers };
}

(present ? describe : describe.skip)('transfer from the digits 0-4 to 5-9', () => {
  const folders: string[] = [];
  afterAll(async () => {
    for (const f of folders) await rm(f, { recursive: true, force: true });
  });
  const folder = async (): Promise<string> => {
    const dir = await localFolder('strata-digits-');
    folders.push(dir);
    return dir;
  };

  it('100 pictures of each class teach more than they do without the old weights', async () => {
    const modelOf = async (change: (graph: Graph) => Graph): Promise<ModelHandle> => {
      const dir = path.join(await folder(), 'model');
      await mkdir(dir);
      await writeFile(path.join(dir, 'model.onnx'), toOnnx(change(loadOnnx(TRUNK))));
      // of the manifest only the preprocessing and the recipe's name count
      const manifest = { recipe: 'import/onnx', preprocess: null, inputs: [], params: {} };
      return { id: 'mv_digits', dir, manifest } as unknown as ModelHandle;
    };
    const trained = await modelOf((g) => g);
    const fresh = await modelOf(untrained);
    const data = async (part: 'train' | 't10k', each: number): Promise<DatasetHandle> =>
      datasetFromText(await folder(), digits(part, each));
    const rows = { train: await data('train', 100), test: await data('t10k', 400) };
    const figures: Record<string, unknown> = {};
    const runs = {
      // what the convolutions see is less bound to the old digits than the layer behind them
      convolutions: { mode: 'feature_extraction', layer: '/Flatten_output_0', weight_decay: 0.1 },
      full: { mode: 'full', trunk_learning_rate: 1, learning_rate: 0.002, weight_decay: 0.1 },
      from_scratch: { mode: 'full', trunk_learning_rate: 1, learning_rate: 0.002, weight_decay: 0.1 },
    };
    for (const [name, more] of Object.entries(runs)) {
      const params = { target: 'digit', task: 'classification', epochs: 30, learning_rate: 0.005, ...more };
      const inputs = { ...rows, model: name === 'from_scratch' ? fresh : trained };
      const job = { dir: await folder(), inputs, seed: 1, threads: 2, checkpointEvery: 1e9 };
      figures[name] = (await runLocally(recipe, params, job)).result['test_accuracy'];
    }
    console.log(`transfer/fine-tune-onnx: ${JSON.stringify(figures)}`);
    expect(figures['convolutions']).toBeGreaterThan(0.88);
    expect(figures['full']).toBeGreaterThan(0.9);
    expect(figures['full']).toBeGreaterThan(Number(figures['from_scratch']));
  }, 120_000);
});
