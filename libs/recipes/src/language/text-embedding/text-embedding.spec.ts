import { rm } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { DatasetHandle, RecipeDefinition } from '@strata/contracts';
import { hashNgrams, padIds } from '@strata/data';
import { createRng } from '@strata/kernel';
import { createSession, float32Of, tensor } from '@strata/runtime';
import { openModel } from '@strata/serving';
import { modelBytes } from '../../shared/export-model.js';
import { ngramsOf } from '../../shared/ngram-bag.js';
import { asInput, datasetFromText, localFolder, runLocally, type LocalRun } from '../../testing/local-context.js';
import { createEncoder } from './encoder.js';
import { groupsOf, retrievalScores } from './ranking.js';
import { embeddingExport, encoderWeights, type EmbeddingModel } from './text-embedding.model.js';
import definition from './text-embedding.recipe.js';

const recipe = definition as RecipeDefinition;
let root = '';
let runs = 0;
beforeAll(async () => void (root = await localFolder('strata-embedding-')));
afterAll(() => rm(root, { recursive: true, force: true }));

/** Two vocabularies for each subject without a word in common: likeness must be learned. */
const SUBJECTS = [
  [
    ['wheel', 'engine', 'brake', 'gearbox'],
    ['汽车', '卡车', '轿车', '客车'],
  ],
  [
    ['oven', 'flour', 'yeast', 'dough'],
    ['面包', '馒头', '蛋糕', '饼干'],
  ],
  [
    ['goal', 'striker', 'referee', 'penalty'],
    ['足球', '球赛', '联赛', '球队'],
  ],
  [
    ['court', 'judge', 'verdict', 'lawyer'],
    ['法院', '判决', '律师', '诉讼'],
  ],
] as const;
function pairs(n: number, seed: number, more = false): string {
  const rng = createRng(seed);
  const lines = [`anchor,positive${more ? ',about,trust' : ''}`];
  for (let i = 0; i < n; i++) {
    const subject = rng.int(SUBJECTS.length);
    const [some, others] = SUBJECTS[subject] as (typeof SUBJECTS)[number];
    const two = (words: readonly string[]): string => `${words[rng.int(4)]} ${words[rng.int(4)]}`;
    lines.push(`${two(some)},${two(others)}${more ? `,${subject},${1 + rng.int(3)}` : ''}`);
  }
  return lines.join('\n') + '\n';
}
const data = (text: string): Promise<DatasetHandle> => datasetFromText(root, text, 'csv');
const train = async (params: Record<string, unknown>, inputs: Record<string, DatasetHandle>): Promise<LocalRun> =>
  runLocally(
    recipe,
    { embedding_dim: 16, epochs: 8, batch_size: 32, ...params },
    {
      dir: `${root}/${runs++}`,
      inputs,
      seed: 4,
      checkpointEvery: 1e9,
    },
  );

describe('language/text-embedding', () => {
  it('learns what belongs together across vocabularies and languages, and serves vectors of plain text', async () => {
    const columns = { group_column: 'about', weight_column: 'trust' };
    const test = await data(pairs(60, 2, true));
    const run = await train(columns, { train: await data(pairs(400, 1, true)), test });
    expect(run.result['test_recall_at_1']).toBeGreaterThan(0.95);
    // untrained directions know nothing of it: a positive comes first by chance
    const blind = await train({ ...columns, learning_rate: 1e-9 }, { train: await data(pairs(400, 1, true)), test });
    expect(blind.result['test_recall_at_1']).toBeLessThan(0.5);

    const model = asInput(run.outputs.get('model'));
    if (!('dir' in model)) throw new Error('no model');
    expect(model.manifest.outputs).toEqual([{ name: 'embedding', datatype: 'FP32', shape: [-1, 16] }]);
    const predictor = await openModel(model.dir);
    const text = { dtype: 'string' as const, dims: [4], data: ['BRAKE gearbox', '卡车', '法院', 'qzx'] };
    const { embedding } = await predictor.infer({ text });
    await predictor.close();
    const all = float32Of(embedding, 'embedding');
    const dot = (i: number, j: number): number =>
      Array.from({ length: 16 }, (_, k) => all[i * 16 + k]! * all[j * 16 + k]!).reduce((a, b) => a + b, 0);
    expect(dot(0, 1)).toBeGreaterThan(dot(0, 2) + 0.3);
    expect(dot(0, 0)).toBeCloseTo(1, 5);
    // a text without a known n-gram has no meaning
    expect(dot(3, 3)).toBe(0);
  });

  it('refuses pairs that teach nothing, weights that are none, and columns that are not there', async () => {
    const inputs = { train: await data(pairs(40, 3)) };
    await expect(train({ word_ngrams: [0, 0], char_ngrams: [0, 0] }, inputs)).rejects.toMatchObject({
      code: 'invalid_parameter',
      where: { field: 'params.word_ngrams' },
    });
    await expect(train({ positive_column: 'other' }, inputs)).rejects.toMatchObject({ code: 'unknown_column' });
    await expect(train({}, { train: await data('anchor,positive\na,\n,b\n') })).rejects.toMatchObject({
      code: 'empty_data',
    });
    await expect(train({}, { train: await data('anchor,positive\nsame words,other words\n') })).rejects.toMatchObject({
      code: 'empty_data',
    });
    const wrong = await data('anchor,positive,w\nx y,z\nx y,z,-1\n'.replace('x y,z\n', 'x y,z,1\n'));
    await expect(train({ weight_column: 'w' }, { train: wrong })).rejects.toMatchObject({
      code: 'invalid_data',
      where: { line: 3, column: 'w' },
    });
  });
});

describe('the encoder in plain JavaScript', () => {
  it.each([
    ['mean', []],
    ['mean_sqrt_len_tokens', []],
    ['mean_sqrt_len_tokens', [6, 5]],
  ] as const)('gives what the ONNX model gives: %s, hidden %j', async (pooling, hidden) => {
    const ngrams = ngramsOf({
      buckets: 256,
      word_ngrams: [1, 2],
      char_ngrams: [2, 3],
      max_ngrams: 64,
      lowercase: true,
    });
    const rng = createRng(5);
    const rows = Int32Array.from({ length: 257 }, (_, i) => (i % 3 ? 1 + rng.int(9) : 0));
    const model: EmbeddingModel = {
      vocabulary: { rows, idf: Float32Array.from({ length: 10 }, (_, i) => (i ? 1 + rng.next() : 0)) },
      pooling,
      widths: [hidden[0] ?? 4, ...hidden.slice(1), ...(hidden.length ? [4] : [])],
      activation: 'tanh',
    };
    const graph = embeddingExport(model);
    const weights = Object.fromEntries(
      graph.inputs
        .filter((i) => i.name !== 'ids')
        .map(({ name, shape }) => {
          const dims = shape.map(Number);
          const size = dims.reduce((a, b) => a * b, 1);
          return [
            name,
            tensor.float32(
              Float32Array.from({ length: size }, () => rng.next() - 0.5),
              dims,
            ),
          ];
        }),
    ) as Parameters<typeof encoderWeights>[2];
    const texts = ['A small model', '小模型', 'a', ''];
    const session = await createSession(modelBytes(graph, weights), { threads: 1 });
    const { ids, shape } = padIds(texts.map((t) => hashNgrams(t, ngrams)));
    const out = await session.run({ ids: tensor.int64(ids, shape) }, ['embedding']);
    await session.release();
    const encode = createEncoder(encoderWeights(model, ngrams, weights));
    const all = float32Of(out['embedding'], 'embedding');
    for (const [i, text] of texts.entries())
      for (const [k, v] of encode(text).entries()) expect(v).toBeCloseTo(all[i * 4 + k] as number, 5);
  });
});

describe('scores of retrieval', () => {
  it('are those counted by hand, equal vectors earning nothing', () => {
    const dim = 2;
    const anchors = { data: Float32Array.of(1, 0, 0, 1, 1, 0), dim };
    const positives = { data: Float32Array.of(1, 0, 0.6, 0.8, 0.8, 0.6), dim };
    // ranks: anchor 0 first; anchor 1 first (0.8 before 0.6 and 0); anchor 2 second, behind positive 0
    const { recall_at_1, mrr } = retrievalScores(anchors, positives, Int32Array.of(0, 1, 2));
    expect(recall_at_1).toBeCloseTo(2 / 3, 12);
    expect(mrr).toBeCloseTo((1 + 1 + 1 / 2) / 3, 12);
    // positive 0 is of anchor 2's own group
    expect(retrievalScores(anchors, positives, Int32Array.of(0, 1, 0)).recall_at_1).toBe(1);
    const same = { data: Float32Array.of(1, 0, 1, 0), dim };
    expect(retrievalScores(same, same, Int32Array.of(0, 1))).toEqual({ recall_at_1: 0, mrr: 0.5 });
  });

  it('take groups from their names, or from texts in common', () => {
    const of = (anchor: string, positive: string, group?: string) => ({ anchor, positive, group: group ?? null });
    const same = (g: Int32Array): boolean[] => [g[0] === g[1], g[1] === g[2], g[0] === g[2]];
    expect(same(groupsOf([of('a', 'b'), of('b', 'c'), of('d', 'e')]))).toEqual([true, false, false]);
    expect(same(groupsOf([of('a', 'b', 'x'), of('b', 'c'), of('d', 'e', 'x')]))).toEqual([false, false, true]);
  });
});
