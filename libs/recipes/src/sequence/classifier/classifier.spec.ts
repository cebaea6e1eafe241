import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { DatasetHandle, RecipeDefinition } from '@strata/contracts';
import { bindParameters, fromOnnx, initialParameters, toOnnx, type Graph } from '@strata/graph';
import { createRng } from '@strata/kernel';
import { createSession, tensor } from '@strata/runtime';
import { openModel } from '@strata/serving';
import { asInput, datasetFromText, localFolder, runLocally, type LocalRun } from '../../testing/local-context.js';
import { sequenceExport, type SequenceModel } from './classifier.model.js';
import definition from './classifier.recipe.js';

const recipe = definition as RecipeDefinition;
let root = '';
let runs = 0;
beforeAll(async () => void (root = await localFolder('strata-sequence-')));
afterAll(() => rm(root, { recursive: true, force: true }));

/** Two events in one order or the other: no bag of words or word pairs tells the classes apart, because what stands between them varies. */
function rowsOf(n: number, seed: number): string {
  const rng = createRng(seed);
  const filler = ['soon', 'later', 'again', 'slowly', '然后', '随后'];
  const lines = ['text,label'];
  for (let i = 0; i < n; i++) {
    const between = Array.from({ length: 1 + rng.int(4) }, () => filler[rng.int(6)]).join(' ');
    const rises = rng.next() < 0.5;
    lines.push(`${rises ? `fell ${between} rose` : `rose ${between} fell`},${rises ? 'up' : 'down'}`);
  }
  return lines.join('\n') + '\n';
}
const data = (text: string): Promise<DatasetHandle> => datasetFromText(root, text, 'csv', { types: { text: 'text' } });
const train = async (params: Record<string, unknown>, inputs: Record<string, DatasetHandle>): Promise<LocalRun> =>
  runLocally(
    recipe,
    { epochs: 8, embedding_dim: 16, hidden_size: 16, batch_size: 16, learning_rate: 0.02, dropout: 0.1, ...params },
    { dir: `${root}/${runs++}`, inputs, seed: 4, checkpointEvery: 1e9 },
  );

describe('sequence/classifier', () => {
  it.each([
    { cell: 'gru', bidirectional: false, pooling: 'last' },
    { cell: 'lstm', num_layers: 2, pooling: 'mean' },
    { cell: 'rnn', pooling: 'max', tokenizer: 'char', bidirectional: false, epochs: 12, learning_rate: 0.01 },
  ])('learns what only the order tells: %j', async (params) => {
    const run = await train(params, { train: await data(rowsOf(240, 1)), test: await data(rowsOf(80, 2)) });
    expect(run.result['test_accuracy']).toBeGreaterThan(0.95);
  });

  it('writes the fused operator and a tokenizer that together give the measured answers', async () => {
    const run = await train({ cell: 'gru' }, { train: await data(rowsOf(240, 1)) });
    const model = asInput(run.outputs.get('model'));
    if (!('dir' in model)) throw new Error('no model');
    expect(model.manifest.preprocess).toMatchObject({ kind: 'tokenizer', pad_id: 0 });
    const graph = fromOnnx(await readFile(join(model.dir, 'model.onnx')));
    expect(graph.nodes.filter((n) => n.op === 'GRU')).toHaveLength(1);
    const predictor = await openModel(model.dir);
    const answers = await predictor.predict(['rose soon fell', { text: 'fell later again slowly rose' }, '']);
    await predictor.close();
    expect(answers.slice(0, 2).map((a) => ('label' in a ? a.label : a))).toEqual(['down', 'up']);
    expect(answers[2]).toHaveProperty('probabilities');
  });

  it('refuses a column that is not there and a target that is no class', async () => {
    const inputs = { train: await data(rowsOf(40, 3)) };
    await expect(train({ text_column: 'body' }, inputs)).rejects.toMatchObject({ code: 'unknown_column' });
    await expect(train({ target: 'text' }, inputs)).rejects.toMatchObject({ code: 'invalid_input' });
  });
});

describe('the model', () => {
  const model = (pooling: SequenceModel['pooling']): Graph => {
    const graph = sequenceExport({
      classes: ['a', 'b'],
      vocabulary: 7,
      cell: 'lstm',
      units: 3,
      layers: 2,
      bidirectional: true,
      embeddingDim: 4,
      dropout: 0.5,
      pooling,
      labelSmoothing: 0,
      classWeights: undefined,
    });
    const inputs = graph.inputs.filter((i) => i.dtype === 'float32');
    const draw = createRng(3);
    const parameters = inputs.map((i) => ({
      ...i,
      shape: i.shape.map(Number),
      init: (dims: readonly number[]) =>
        ({
          dtype: 'float32',
          dims,
          data: Float32Array.from({ length: dims.reduce((a, d) => a * d, 1) }, () => draw.normal()),
        }) as const,
    }));
    return bindParameters(graph, initialParameters(parameters, draw));
  };

  it.each(['last', 'mean', 'max'] as const)(
    'gives the same probabilities whatever padding follows: %s',
    async (pooling) => {
      const session = await createSession(toOnnx(model(pooling)));
      const probabilities = async (width: number): Promise<number[]> => {
        const rows = [[1, 2, 3, 4], [5], []];
        const pad = (of: (row: number[]) => number[]): number[] =>
          rows.flatMap((r) => [...of(r), ...Array.from({ length: width - r.length }, () => 0)]);
        const out = await session.run(
          {
            input_ids: tensor.int64(
              pad((r) => r),
              [3, width],
            ),
            attention_mask: tensor.int64(
              pad((r) => r.map(() => 1)),
              [3, width],
            ),
          },
          ['probabilities'],
        );
        return [...(out['probabilities']?.data as Float32Array)];
      };
      const [short, long] = [await probabilities(4), await probabilities(9)];
      await session.release();
      // a text of no token at all counts as one of padding, for which `max` finds no state
      short.slice(0, pooling === 'max' ? 4 : 6).forEach((p, i) => expect(long[i]).toBeCloseTo(p, 6));
    },
  );
});
