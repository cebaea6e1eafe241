import { readFile, rm } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { RecipeDefinition } from '@strata/contracts';
import { createRng } from '@strata/kernel';
import { datasetFromText, localFolder, runLocally } from '../../testing/local-context.js';
import recipe from './balance.recipe.js';
import { balancedWeights, multiplicities } from './balance.run.js';

let dir: string;
beforeAll(async () => {
  dir = await localFolder();
});
afterAll(() => rm(dir, { recursive: true, force: true }));

// 9 of a, 4 of b, 2 of c, one without a class
const labels = [...'aaaaaaaaabbbbcc', null];
const text = `id,y\n${labels.map((l, i) => `${i},${l ?? ''}`).join('\n')}\n`;

async function balance(
  params: Record<string, unknown>,
  seed = 1,
): Promise<{ rows: string[][]; report: Record<string, unknown> }> {
  const data = await datasetFromText(dir, text, 'csv', { types: { id: 'number' } });
  const run = await runLocally(recipe as RecipeDefinition, { target: 'y', ...params }, { dir, inputs: { data }, seed });
  const output = run.outputs.get('data');
  const report = run.outputs.get('report');
  if (output?.kind !== 'dataset' || report?.kind !== 'report') throw new Error('outputs are missing');
  const lines = (await readFile(output.path, 'utf8')).trimEnd().split('\n').slice(1);
  return { rows: lines.map((l) => l.split(',')), report: report.report };
}
const times = (rows: string[][]): number[] => labels.map((_, i) => rows.filter(([id]) => id === String(i)).length);

describe('data/balance', () => {
  it('over-samples every row equally often, up to a difference of one', async () => {
    const { rows, report } = await balance({});
    expect(report['after']).toEqual({ a: 9, b: 9, c: 9 });
    expect(report).toMatchObject({ rows_without_class: 1, before: { a: 9, b: 4, c: 2 } });
    const t = times(rows);
    expect(t.slice(0, 9)).toEqual(new Array(9).fill(1));
    expect([...t.slice(9, 13)].sort()).toEqual([2, 2, 2, 3]);
    expect([...t.slice(13, 15)].sort()).toEqual([4, 5]);
    expect(t[15]).toBe(0);
  });
  it('under-samples without repetition', async () => {
    const { rows, report } = await balance({ method: 'undersample' });
    expect(report['after']).toEqual({ a: 2, b: 2, c: 2 });
    expect(Math.max(...times(rows))).toBe(1);
  });
  it('meets the asked-for ratio and never shrinks when over-sampling', async () => {
    expect((await balance({ sampling_strategy: 0.5 })).report['after']).toEqual({ a: 9, b: 5, c: 5 });
    expect((await balance({ sampling_strategy: 0.5, method: 'undersample' })).report['after']).toEqual({
      a: 4,
      b: 4,
      c: 2,
    });
  });
  it('draws by the seed', async () => {
    const draw = async (seed: number): Promise<number[]> =>
      times((await balance({ method: 'undersample' }, seed)).rows);
    expect(await draw(5)).toEqual(await draw(5));
    const draws = new Set<string>();
    for (const seed of [1, 2, 3, 4]) draws.add((await draw(seed)).join(''));
    expect(draws.size).toBeGreaterThan(1);
  });
  it('weights as scikit-learn balances: 15 rows over 3 classes of 9, 4, 2', async () => {
    const { rows, report } = await balance({ method: 'weights' });
    expect(rows).toHaveLength(15);
    expect(report['class_weights']).toEqual({ a: 15 / 27, b: 15 / 12, c: 15 / 6 });
    expect(balancedWeights(new Map([['x', 1], ['y', 3]]))).toEqual({ x: 2, y: 2 / 3 }); // prettier-ignore
  });
  it('refuses what holds no classes', async () => {
    await expect(balance({ target: 'id' })).rejects.toMatchObject({ code: 'invalid_input', where: { column: 'id' } });
    await expect(balance({ target: 'q' })).rejects.toMatchObject({ code: 'unknown_column' });
    expect(multiplicities(['a', null, 'a', 'b'], 'weights', 1, createRng(1))).toEqual(Uint32Array.of(1, 0, 1, 1));
  });
});
