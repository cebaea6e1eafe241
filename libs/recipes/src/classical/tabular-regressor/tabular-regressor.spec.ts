import { rm } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { DatasetHandle, RecipeDefinition } from '@strata/contracts';
import { createRng } from '@strata/kernel';
import { openModel } from '@strata/serving';
import { asInput, datasetFromText, localFolder, runLocally, type LocalRun } from '../../testing/local-context.js';
import definition from './tabular-regressor.recipe.js';

const recipe = definition as RecipeDefinition;
let root = '';
let runs = 0;
beforeAll(async () => void (root = await localFolder('strata-tabular-')));
afterAll(() => rm(root, { recursive: true, force: true }));

/** price = 1000 size + 20000 in the centre, with noise of standard deviation 1000. */
function rowsOf(n: number, seed: number): string {
  const rng = createRng(seed);
  const lines = ['size,place,price'];
  for (let i = 0; i < n; i++) {
    const size = 20 + rng.next() * 100;
    const centre = rng.next() < 0.5;
    lines.push(
      `${size.toFixed(2)},${centre ? '中心' : 'edge'},${(1000 * size + (centre ? 20_000 : 0) + 1000 * rng.normal()).toFixed(1)}`,
    );
  }
  return lines.join('\n') + '\n';
}
const data = (text: string): Promise<DatasetHandle> => datasetFromText(root, text);
const train = async (params: Record<string, unknown>, inputs: Record<string, DatasetHandle>): Promise<LocalRun> =>
  runLocally(
    recipe,
    { target: 'price', ...params },
    { dir: `${root}/${runs++}`, inputs, seed: 4, checkpointEvery: 1e9 },
  );

describe('classical/tabular-regressor', () => {
  it.each(['squared_error', 'huber'])('comes near the noise with %s, in the unit of the target', async (loss) => {
    const run = await train(
      { loss, dropout: 0, max_iter: 60 },
      { train: await data(rowsOf(800, 1)), test: await data(rowsOf(300, 2)) },
    );
    // the noise alone is 1000, the spread of the prices about 30000
    expect(run.result['test_rmse']).toBeLessThan(1800);
    expect(run.result['test_r2']).toBeGreaterThan(0.99);
    const model = asInput(run.outputs.get('model'));
    if (!('dir' in model)) throw new Error('no model');
    const predictor = await openModel(model.dir);
    const [answer] = await predictor.predict([{ size: 70, place: '中心' }]);
    await predictor.close();
    expect(answer && 'value' in answer ? answer.value : NaN).toBeGreaterThan(87_000);
    expect(answer && 'value' in answer ? answer.value : NaN).toBeLessThan(93_000);
  });

  it('cross-validates', async () => {
    const run = await train({ cv: 3, max_iter: 15 }, { train: await data(rowsOf(200, 3)) });
    expect(run.result['cv_r2']).toBeGreaterThan(0.5);
  });

  it('refuses a target of names, naming line and column, and one that never varies', async () => {
    const text = rowsOf(60, 4);
    await expect(train({ target: 'place' }, { train: await data(text) })).rejects.toMatchObject({
      code: 'invalid_data',
      where: { line: 2, column: 'place' },
    });
    const flat = `${Array.from({ length: 40 }, (_, i) => `${i},a,5`).join('\n')}\n`;
    await expect(train({}, { train: await data(`size,place,price\n${flat}`) })).rejects.toMatchObject({
      code: 'empty_data',
    });
  });
});
