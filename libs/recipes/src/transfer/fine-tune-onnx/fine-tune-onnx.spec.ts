import { readFile, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from '@jest/globals';
import type { ModelHandle } from '@strata/contracts';
import { trainTokenizer } from '@strata/data';
import { GraphBuilder, toNumbers, toOnnx, type Graph } from '@strata/graph';
import { loadOnnx } from '@strata/graph/onnx';
import { openModel } from '@strata/serving';
import { importedModel } from '../../testing/imported-model.js';
import { datasetFromText, localFolder, runLocally, type LocalRun } from '../../testing/local-context.js';
import { noise, noiseTensor } from '../../testing/noise.js';
import { trunkOf } from './fine-tune-onnx.model.js';
import recipe from './fine-tune-onnx.recipe.js';

const fixtures = join(dirname(fileURLToPath(import.meta.url)), '../../../../training/src/fixtures/imported');
const folders: string[] = [];
afterAll(async () => {
  for (const f of folders) await rm(f, { recursive: true, force: true });
});
async function folder(): Promise<string> {
  const dir = await localFolder('strata-fine-tune-');
  folders.push(dir);
  return dir;
}

const imported = async (bytes: Uint8Array, files: Record<string, string> = {}): Promise<ModelHandle> =>
  importedModel(join(await folder(), 'model'), bytes, files);
const fixture = async (name: string, files?: Record<string, string>): Promise<ModelHandle> =>
  imported(await readFile(join(fixtures, `${name}.onnx`)), files);

/** A perceptron of three layers with fixed weights over four numbers, as a file without any preparation. */
function perceptron(): Graph {
  const b = new GraphBuilder('perceptron');
  const x = b.input('x', 'float32', ['N', 4]);
  const layer = (v: typeof x, name: string, dims: [number, number], seed: number) =>
    b.op.Gemm(
      v,
      b.initializer(`${name}.weight`, noiseTensor(dims, seed)),
      b.initializer(`${name}.bias`, noiseTensor([dims[1]], seed + 7)),
    );
  const h = b.op.Tanh(layer(b.op.Tanh(layer(x, 'a', [4, 16], 1)), 'b', [16, 16], 100));
  b.output('old', b.op.Softmax(layer(h, 'c', [16, 7], 500)));
  return b.build();
}

/** Rows whose class and number depend on all columns; a gap now and then. */
const rows = (n: number): string =>
  [
    'p,q,r,s,kind,amount,note',
    ...Array.from({ length: n }, (_, i) => {
      const [p, q, r, s] = [noise(4 * i), noise(4 * i + 1), noise(4 * i + 2), noise(4 * i + 3)] as const;
      const z = p + 0.5 * q - r * s;
      const cells = [p, q, r, s].map((v, k) => ((i + k) % 41 === 7 ? '' : v.toFixed(4)));
      return [...cells, z > 0 ? 'up' : 'down', (40 + 10 * z).toFixed(3), `note ${i}`].join(',');
    }),
    '',
  ].join('\n');

async function tuned(
  model: ModelHandle,
  text: string,
  params: Record<string, unknown>,
): Promise<LocalRun & { graph: Graph; dir: string }> {
  const dir = await folder();
  const train = await datasetFromText(dir, text);
  const made = await runLocally(recipe, params, { dir, inputs: { model, train, test: train }, seed: 3, threads: 1 });
  const output = made.outputs.get('model');
  if (output?.kind !== 'model') throw new Error('no model was made');
  return { ...made, graph: loadOnnx(join(output.dir, 'model.onnx')), dir: output.dir };
}

/** Which of the old weights the new file still holds as they were. */
function kept(graph: Graph): string[] {
  const old = [...perceptron().initializers].filter(([name]) => !name.startsWith('c.'));
  const now = [...graph.initializers.values()].map((t) => (t.dtype === 'float32' ? JSON.stringify(toNumbers(t)) : ''));
  return old.filter(([, t]) => now.includes(JSON.stringify(toNumbers(t)))).map(([name]) => name);
}

describe('a perceptron over columns of numbers', () => {
  const text = rows(240);
  it.each([
    ['feature_extraction', ['a.weight', 'a.bias', 'b.weight', 'b.bias'], []],
    ['last_n', ['a.weight', 'a.bias'], ['b.weight', 'b.bias']],
    ['full', [], ['a.weight', 'a.bias', 'b.weight', 'b.bias']],
  ] as const)(
    '%s learns classes and changes what it says',
    async (mode, same, changed) => {
      const made = await tuned(await imported(toOnnx(perceptron())), text, {
        target: 'kind',
        features: ['p', 'q', 'r', 's'],
        mode,
        n_layers: 1,
        epochs: 40,
        learning_rate: 0.02,
        trunk_learning_rate: 1,
        early_stopping: false,
      });
      expect(made.result['test_accuracy']).toBeGreaterThan(0.9);
      expect(kept(made.graph)).toEqual(same);
      const report = made.outputs.get('report');
      expect(report).toMatchObject({
        report: { layer: expect.any(String), trained_layers: changed, task: 'classification' },
      });
      // the old head is gone, what is served takes the columns by name
      expect([...made.graph.initializers.keys()].filter((n) => n.includes('c.'))).toEqual([]);
      expect(made.graph.inputs.map((i) => i.name)).toEqual(['p', 'q', 'r', 's']);
    },
    60_000,
  );

  it('learns a number, and serves rows with gaps', async () => {
    const made = await tuned(await imported(toOnnx(perceptron())), text, {
      target: 'amount',
      mode: 'full',
      features: ['p', 'q', 'r', 's'],
      epochs: 40,
      learning_rate: 0.02,
    });
    expect(made.result).toMatchObject({ task: 'regression' });
    expect(made.result['test_r2']).toBeGreaterThan(0.9);
    const model = await openModel(made.dir, { threads: 1 });
    const predicted = await model.predict([
      { p: 0.3, q: 0, r: 0, s: 0 },
      { p: 0.3, q: 0, r: null, s: 0.4 },
      { p: 0.3, q: 0, r: 0.3, s: 0.4 },
    ]);
    await model.close();
    const [full = NaN, gap = NaN, above] = predicted.map((p) => ('value' in p ? p.value : NaN));
    // 40 + 10 (p + q/2 - r s)
    expect(Math.abs(full - 43)).toBeLessThan(1.5);
    expect(Math.abs(gap - 43)).toBeLessThan(2);
    expect(above).toBeLessThan(gap);
  }, 60_000);

  it('says which columns are missing or too many', async () => {
    const model = await imported(toOnnx(perceptron()));
    await expect(tuned(model, text, { target: 'kind' })).rejects.toMatchObject({
      code: 'invalid_input',
      message: expect.stringContaining('takes 4 numbers for each row, the data has 5'),
    });
  });
});

describe('models that PyTorch exported', () => {
  it('a residual network: pictures as columns of pixels', async () => {
    const names = Array.from({ length: 72 }, (_, i) => `pixel${i}`);
    const text = [
      [...names, 'kind'].join(','),
      ...Array.from({ length: 120 }, (_, n) => {
        const bright = n % 2;
        return [
          ...names.map((_, i) => (noise(97 * n + i) + (bright && i % 6 < 3 ? 1 : 0)).toFixed(3)),
          bright ? 'left' : 'none',
        ].join(',');
      }),
      '',
    ].join('\n');
    const made = await tuned(await fixture('cnn-export-18'), text, {
      target: 'kind',
      mode: 'full',
      epochs: 12,
      learning_rate: 0.03,
    });
    expect(made.result['test_accuracy']).toBeGreaterThan(0.95);
    // statistics of batch normalisation stay as they were stored
    const before = loadOnnx(join(fixtures, 'cnn-export-18.onnx')).initializers.get('na.running_mean');
    const now = [...made.graph.initializers.values()].some(
      (t) => t.dtype === 'float32' && before && JSON.stringify(toNumbers(t)) === JSON.stringify(toNumbers(before)),
    );
    expect(now).toBe(true);
  }, 60_000);

  it('a transformer with a tokenizer beside it', async () => {
    const words = ['red', 'blue', 'green', 'warm', 'cold'];
    const lines = Array.from({ length: 96 }, (_, i) => {
      const at = (k: number) => words[Math.abs(Math.trunc(noise(5 * i + k) * 1e4)) % 5] ?? 'red';
      const text = [at(0), at(1), at(2)].join(' ');
      return { text, kind: text.includes('warm') ? 'yes' : 'no' };
    });
    const tokenizer = trainTokenizer(
      lines.map((l) => l.text),
      { type: 'word', vocab_size: 11, min_frequency: 1, special_tokens: ['[PAD]', '[UNK]'], lowercase: true },
    );
    const model = await fixture('encoder-script-14', { 'tokenizer.json': JSON.stringify(tokenizer.json) });
    const text = ['text,kind', ...lines.map((l) => `${l.text},${l.kind}`), ''].join('\n');
    const made = await tuned(model, text, {
      target: 'kind',
      text_column: 'text',
      max_length: 6,
      mode: 'full',
      trunk_learning_rate: 1,
      epochs: 30,
      learning_rate: 0.02,
      early_stopping: false,
    });
    expect(made.result['test_accuracy']).toBeGreaterThan(0.95);
    const served = await openModel(made.dir, { threads: 1 });
    const answers = await served.predict(['cold warm red', 'blue cold green']);
    await served.close();
    expect(answers.map((a) => ('label' in a ? a.label : undefined))).toEqual(['yes', 'no']);
  }, 60_000);

  it('finds the value that the last layer takes in every file', async () => {
    const layers = await Promise.all(
      ['cnn-script-13', 'cnn-export-23', 'encoder-script-14', 'encoder-export-20', 'nhwc-15'].map(async (name) => {
        const model = loadOnnx(join(fixtures, `${name}.onnx`));
        const trunk = trunkOf(model, { layer: '', mode: 'feature_extraction', n_layers: 1, pooling: 'mean' });
        return trunk.graph.outputs[0]?.shape.at(-1);
      }),
    );
    // the width that each model's last linear layer takes
    expect(layers).toEqual([4, 4, 8, 8, 12]);
  });
});

it('says that a model without a linear layer needs a named value', async () => {
  const b = new GraphBuilder();
  b.output('y', b.op.Tanh(b.input('x', 'float32', ['N', 4])));
  const model = await imported(toOnnx(b.build()));
  await expect(tuned(model, rows(60), { target: 'kind' })).rejects.toMatchObject({
    code: 'invalid_parameter',
    message: expect.stringContaining('the way back ends at Tanh'),
  });
});
