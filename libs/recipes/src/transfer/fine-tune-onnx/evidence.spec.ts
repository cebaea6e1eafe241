import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import type { ModelHandle } from '@strata/contracts';
import { tensorOf, toOnnx, type Graph } from '@strata/graph';
import { loadOnnx } from '@strata/graph/onnx';
import { createRng } from '@strata/kernel';
import { evidence, figure } from '../../testing/evidence.js';
import { recordEvidence } from '../../testing/evidence-file.js';
import { importedModel } from '../../testing/imported-model.js';
import { datasetFromText, localDataset } from '../../testing/local-context.js';
import { digitArchive, mnist, type Digit } from '../../testing/mnist.js';

// A network that PyTorch trained on the digits 0 to 4 (tools/fixtures/digit_trunk.py) learns to tell 5 to 9 from few examples.
const { present, file, folder, step, end } = evidence('transfer on MNIST');

const TRUNK = path.join(import.meta.dirname, 'fixtures/digits-0-4.onnx');
const PIXELS = 28 * 28;

/** The first `each` pictures of each digit from 5 on. */
function digits(part: 'train' | 't10k', each: number): Digit[] {
  const count = new Map<number, number>();
  return mnist(file('mnist'), part).filter(({ label }) => {
    const seen = count.get(label) ?? 0;
    count.set(label, seen + 1);
    return label >= 5 && seen < each;
  });
}

/** A column for each pixel, with all digits of a float32. */
const asColumns = (rows: readonly Digit[]): string =>
  [
    [...Array.from({ length: PIXELS }, (_, i) => `p${i}`), 'label'],
    ...rows.map(({ label, pixels }) => [
      ...Array.from(pixels, (v) => (v === 0 ? '0' : Math.fround(v / 255).toPrecision(9))),
      label,
    ]),
  ]
    .map((cells) => `${cells.join(',')}\n`)
    .join('');

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
  afterAll(end);

  it('100 pictures of each class teach more than they do without the old weights', async () => {
    const modelOf = async (change: (graph: Graph) => Graph): Promise<ModelHandle> =>
      importedModel(await folder(), toOnnx(change(loadOnnx(TRUNK))));
    const trained = await modelOf((g) => g);
    const fresh = await modelOf(untrained);
    const both = async (part: 'train' | 't10k', each: number) => {
      const rows = digits(part, each);
      const archive = path.join(await folder(), `${part}.zip`);
      await writeFile(archive, digitArchive(rows));
      return { columns: await datasetFromText(await folder(), asColumns(rows)), archive: await localDataset(archive) };
    };
    const [train, test] = [await both('train', 100), await both('t10k', 400)];
    const runs = {
      // what the convolutions see is less bound to the old digits than the layer behind them
      convolutions: { mode: 'feature_extraction', layer: '/Flatten_output_0', weight_decay: 0.1 },
      full: { mode: 'full', trunk_learning_rate: 1, learning_rate: 0.002, weight_decay: 0.1 },
      from_scratch: { mode: 'full', trunk_learning_rate: 1, learning_rate: 0.002, weight_decay: 0.1 },
    };
    const learn = async (name: keyof typeof runs, form: 'columns' | 'archive'): Promise<number> => {
      const params = { target: 'label', task: 'classification', epochs: 30, learning_rate: 0.005, ...runs[name] };
      const model = name === 'from_scratch' ? fresh : trained;
      const inputs = { train: train[form], test: test[form], model };
      return figure((await step('transfer/fine-tune-onnx', params, inputs)).result, 'test_accuracy');
    };
    const figures = {
      convolutions: await learn('convolutions', 'columns'),
      convolutions_of_archive: await learn('convolutions', 'archive'),
      full: await learn('full', 'columns'),
      full_of_archive: await learn('full', 'archive'),
      from_scratch: await learn('from_scratch', 'columns'),
    };
    console.log(`transfer/fine-tune-onnx: ${JSON.stringify(figures)}`);
    await recordEvidence('transfer/fine-tune-onnx', 'mnist, digits 5 to 9', figures, () => {
      expect(figures.convolutions).toBeGreaterThan(0.88);
      expect(figures.full).toBeGreaterThan(0.9);
      expect(figures.full).toBeGreaterThan(figures.from_scratch);
      // the same pictures: what is left between the two forms is the rounding of float32
      expect(Math.abs(figures.convolutions_of_archive - figures.convolutions)).toBeLessThan(0.003);
      expect(Math.abs(figures.full_of_archive - figures.full)).toBeLessThan(0.003);
    });
  }, 600_000);
});
