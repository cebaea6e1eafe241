import { rm } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { DatasetHandle, RecipeDefinition } from '@strata/contracts';
import { bindParameters, tensorOf, toOnnx } from '@strata/graph';
import { createRng } from '@strata/kernel';
import { createSession, tensor } from '@strata/runtime';
import { openModel } from '@strata/serving';
import { vocabularyOf } from '../../shared/ngram-bag.js';
import { asInput, datasetFromText, localFolder, runLocally, type LocalRun } from '../../testing/local-context.js';
import { textExport } from './text-classifier.model.js';
import definition from './text-classifier.recipe.js';

const recipe = definition as RecipeDefinition;
let root = '';
let runs = 0;
beforeAll(async () => void (root = await localFolder('strata-text-')));
afterAll(() => rm(root, { recursive: true, force: true }));

const THINGS = {
  fruit: ['apples', 'pears', 'plums', '苹果', '梨子', '李子'],
  metal: ['iron', 'copper', 'zinc', '铁矿', '铜线', '锌片'],
};
/** Sentences of one thing and words that say nothing, in two languages. */
function rowsOf(n: number, seed: number): string {
  const rng = createRng(seed);
  const lines = ['text,label'];
  for (let i = 0; i < n; i++) {
    const label = rng.next() < 0.5 ? 'fruit' : 'metal';
    const thing = THINGS[label][rng.int(6)] ?? '';
    const chinese = /\p{Script=Han}/u.test(thing);
    lines.push(
      chinese
        ? `${['今天', '昨天', '早上'][rng.int(3)]}我们买了${1 + rng.int(90)}箱${thing}。,${label}`
        : `${['Today', 'Yesterday', 'Early on'][rng.int(3)]} we bought ${1 + rng.int(90)} crates of ${thing}.,${label}`,
    );
  }
  return lines.join('\n') + '\n';
}
const data = (text: string): Promise<DatasetHandle> => datasetFromText(root, text, 'csv', { types: { text: 'text' } });
const train = async (params: Record<string, unknown>, inputs: Record<string, DatasetHandle>): Promise<LocalRun> =>
  runLocally(recipe, { epochs: 8, ...params }, { dir: `${root}/${runs++}`, inputs, seed: 4, checkpointEvery: 1e9 });

describe('language/text-classifier', () => {
  it('learns English and Chinese together, and predicts from plain text', async () => {
    const run = await train({}, { train: await data(rowsOf(300, 1)), test: await data(rowsOf(100, 2)) });
    expect(run.result['test_accuracy']).toBeGreaterThan(0.98);
    const model = asInput(run.outputs.get('model'));
    if (!('dir' in model)) throw new Error('no model');
    expect(model.manifest.inputs).toEqual([{ name: 'text', datatype: 'BYTES', shape: [-1] }]);
    const predictor = await openModel(model.dir);
    const answers = await predictor.predict(['a crate of PEARS', '三箱铜线', { text: 'zinc' }, '']);
    await predictor.close();
    expect(answers.slice(0, 3).map((a) => ('label' in a ? a.label : a))).toEqual(['fruit', 'metal', 'metal']);
    expect(answers[3]).toHaveProperty('probabilities');
  });

  it('refuses to read nothing, and a column that is not there', async () => {
    const inputs = { train: await data(rowsOf(40, 3)) };
    await expect(train({ word_ngrams: [0, 0], char_ngrams: [0, 0] }, inputs)).rejects.toMatchObject({
      code: 'invalid_parameter',
    });
    await expect(train({ text_column: 'body' }, inputs)).rejects.toMatchObject({ code: 'unknown_column' });
    await expect(train({ target: 'text' }, inputs)).rejects.toMatchObject({ code: 'invalid_input' });
  });
});

describe('the model', () => {
  const vocabulary = vocabularyOf([Int32Array.of(5, 5, 2), Int32Array.of(2, 7), Int32Array.of(2, 5)], 8, 2);

  it('keeps the ids that enough texts have, weighted by idf', () => {
    // 2 is in three of three texts, 5 in two, 7 in one
    expect([...vocabulary.rows]).toEqual([0, 0, 1, 0, 0, 2, 0, 0, 0]);
    expect([...vocabulary.idf]).toEqual([0, 1, Math.fround(Math.log(4 / 3) + 1)]);
  });

  it('sums embeddings by idf over the norm of the weights; unknown ids and padding do not count', async () => {
    const graph = textExport({
      classes: ['a', 'b'],
      embeddingDim: 2,
      hidden: [],
      dropout: 0,
      labelSmoothing: 0,
      classWeights: undefined,
      vocabulary,
    });
    const values = new Map(
      graph.inputs
        .filter((i) => i.name !== 'ids')
        .map((i) => {
          const dims = i.shape.map(Number);
          if (dims[0] === 3) return [i.name, tensorOf('float32', dims, [9, 9, 1, 0, 0, 2])] as const;
          return [i.name, tensorOf('float32', dims, dims.length === 2 ? [1, 0, 0, 1] : [0, 0])] as const;
        }),
    );
    const session = await createSession(toOnnx(bindParameters(graph, values)));
    const out = await session.run({ ids: tensor.int64([2, 5, 7, 0, 2, 2], [2, 3]) });
    await session.release();
    const w = Math.log(4 / 3) + 1;
    // row 0: 1·(1, 0) + w·(0, 2) over √(1 + w²), id 7 unknown; row 1: two of (1, 0) over √2, one padding
    const logits = [1 / Math.hypot(1, w), (2 * w) / Math.hypot(1, w), 2 / Math.SQRT2, 0];
    const p = (a: number, b: number): number => Math.exp(a) / (Math.exp(a) + Math.exp(b));
    const got = out['probabilities']?.data as Float32Array;
    expect(got[0]).toBeCloseTo(p(logits[0] as number, logits[1] as number), 5);
    expect(got[2]).toBeCloseTo(p(logits[2] as number, logits[3] as number), 5);
    expect(out['label']?.data).toEqual(['b', 'a']);
  });
});
