import { rm } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { DatasetHandle, RecipeDefinition } from '@strata/contracts';
import { createRng } from '@strata/kernel';
import { openModel } from '@strata/serving';
import { asInput, datasetFromText, localFolder, runLocally, type LocalRun } from '../../testing/local-context.js';
import definition from './tabular-classifier.recipe.js';

const recipe = definition as RecipeDefinition;
let root = '';
let runs = 0;
beforeAll(async () => void (root = await localFolder('strata-tabular-')));
afterAll(() => rm(root, { recursive: true, force: true }));

/** The class is `yes` where x > 50 or the colour is red; a tenth of the x are missing, and then only the colour decides. */
function rowsOf(n: number, seed: number): string {
  const rng = createRng(seed);
  const lines = ['x,colour,answer'];
  for (let i = 0; i < n; i++) {
    const x = rng.next() < 0.1 ? NaN : rng.next() * 100;
    const colour = ['red', 'green', '蓝'][rng.int(3)];
    const yes = x > 50 || colour === 'red';
    lines.push(`${Number.isNaN(x) ? '' : x.toFixed(2)},${colour},${yes ? 'yes' : 'no'}`);
  }
  return lines.join('\n') + '\n';
}
const data = (text: string): Promise<DatasetHandle> => datasetFromText(root, text);
const train = async (params: Record<string, unknown>, inputs: Record<string, DatasetHandle>): Promise<LocalRun> =>
  runLocally(
    recipe,
    { target: 'answer', ...params },
    { dir: `${root}/${runs++}`, inputs, seed: 4, checkpointEvery: 1e9 },
  );

describe('classical/tabular-classifier', () => {
  it('learns from numbers and names, and the model takes raw values with gaps and unknown names', async () => {
    const run = await train({ max_iter: 30 }, { train: await data(rowsOf(800, 1)), test: await data(rowsOf(300, 2)) });
    expect(run.result['test_accuracy']).toBeGreaterThan(0.97);
    const model = asInput(run.outputs.get('model'));
    if (!('dir' in model)) throw new Error('no model');
    expect(model.manifest.inputs).toEqual([
      { name: 'x', datatype: 'FP32', shape: [-1, 1] },
      { name: 'colour', datatype: 'BYTES', shape: [-1, 1] },
    ]);
    const predictor = await openModel(model.dir);
    const answers = await predictor.predict([
      { x: 90, colour: 'green' },
      { x: 10, colour: '蓝' },
      { x: null, colour: 'red' },
      { x: '95.5', colour: 'never seen' },
      { x: 1e30, colour: null },
    ]);
    await predictor.close();
    expect(answers.slice(0, 4).map((a) => ('label' in a ? a.label : a))).toEqual(['yes', 'no', 'yes', 'yes']);
    for (const a of answers)
      if ('probabilities' in a)
        expect(Object.values(a.probabilities ?? {}).reduce((s, p) => s + p, 0)).toBeCloseTo(1, 5);
  });

  it('counts rare classes as much as frequent ones when asked to', async () => {
    // yes: 12 of 40 red rows, 4 of 80 green ones. Never the more likely answer, but six times as likely for red
    const block = [...Array(40).keys()]
      .map((i) => `red,${i < 12 ? 'yes' : 'no'}`)
      .concat([...Array(80).keys()].map((i) => `green,${i < 4 ? 'yes' : 'no'}`));
    const text = `colour,answer\n${[...block, ...block, ...block].join('\n')}\n`;
    const inputs = { train: await data(text), test: await data(text) };
    const params = { max_iter: 20, hidden_layer_sizes: [], alpha: 0, learning_rate_init: 0.02 };
    const plain = await train(params, inputs);
    const balanced = await train({ ...params, class_weight: 'balanced' }, inputs);
    // always no: recalls 0 and 1. Red means yes: 12 of 16, and 76 of 104
    expect(plain.result['test_macro_recall']).toBe(0.5);
    expect(balanced.result['test_macro_recall']).toBeCloseTo((12 / 16 + 76 / 104) / 2, 12);
  });

  it('cross-validates before the final training', async () => {
    const run = await train({ cv: 3, max_iter: 10 }, { train: await data(rowsOf(150, 7)) });
    const { report } = run.outputs.get('report') as { report: Record<string, unknown> };
    const folds = report['cross_validation'] as number[];
    expect(folds).toHaveLength(3);
    expect(run.result['cv_accuracy']).toBeCloseTo(folds.reduce((a, b) => a + b, 0) / 3, 12);
    expect(run.result['cv_accuracy']).toBeGreaterThan(0.7);
  });

  it('leaves out rows without a class, and test rows of unknown ones, and says so', async () => {
    const text = rowsOf(200, 8);
    const run = await train(
      { max_iter: 2 },
      { train: await data(`${text}7,red,\n`), test: await data(`${rowsOf(30, 9)}7,red,perhaps\n`) },
    );
    expect(run.logs.join('\n')).toMatch(/1 of 201 rows have no "answer"/);
    expect(run.logs.join('\n')).toMatch(/1 rows have a class that the training data lack/);
  });

  it.each([
    ['a target that is not there', { target: 'nothing' }, 'unknown_column'],
    ['a feature that is not there', { features: ['nothing'] }, 'unknown_column'],
    ['the target as a feature', { features: ['x', 'answer'] }, 'invalid_parameter'],
    ['a quantity as the target', { target: 'x' }, 'invalid_input'],
    [
      'a rate that blows up',
      { solver: 'sgd', learning_rate_init: 10, n_bins: 0, alpha: 10, max_iter: 60, momentum: 0.99 },
      'diverged',
    ],
  ])('refuses %s', async (_, params, code) => {
    await expect(train(params, { train: await data(rowsOf(200, 10)) })).rejects.toMatchObject({ code });
  });
});
