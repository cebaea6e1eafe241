import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { DatasetFormat, ModelHandle, RecipeDefinition } from '@strata/contracts';
import { readManifest } from '@strata/serving';
import { writeClassifier, writeRegressor, writeTagger } from '@strata/serving/testing';
import { datasetFromText, localFolder, runLocally } from '../../testing/local-context.js';
import recipe from './batch-predict.recipe.js';

let dir: string;
beforeAll(async () => {
  dir = await localFolder();
});
afterAll(() => rm(dir, { recursive: true, force: true }));

const handle = async (folder: string): Promise<ModelHandle> => ({
  id: 'mv',
  dir: folder,
  manifest: await readManifest(folder),
});
async function predict(
  model: ModelHandle,
  text: string,
  params: Record<string, unknown> = {},
): Promise<{ lines: string[]; format: DatasetFormat; report: Record<string, unknown> }> {
  const data = await datasetFromText(dir, text);
  const { outputs } = await runLocally(recipe as RecipeDefinition, params, { dir, inputs: { model, data } });
  const output = outputs.get('data');
  const report = outputs.get('report');
  if (output?.kind !== 'dataset' || report?.kind !== 'report') throw new Error('outputs are missing');
  return {
    lines: (await readFile(output.path, 'utf8')).trimEnd().split('\n'),
    format: output.format,
    report: report.report,
  };
}

describe('inference/batch-predict', () => {
  it("appends values in the file's order, across batches of any size", async () => {
    const model = await handle(writeRegressor(join(dir, 'regressor')));
    for (const batch_size of [1, 2, 1000]) {
      const { lines, format, report } = await predict(model, 'note,x\n"a, b",1\n,2.5\nc,-3\n', { batch_size });
      expect(lines).toEqual(['note,x,prediction', '"a, b",1,3', ',2.5,6', 'c,-3,-5']);
      expect(format.columns.at(-1)).toMatchObject({ name: 'prediction', type: 'number', min: -5, max: 6 });
      expect(report).toMatchObject({ rows: 3, predicted: { min: -5, max: 6, mean: 4 / 3 } });
    }
  });
  it('appends class and probabilities', async () => {
    const model = await handle(writeClassifier(join(dir, 'classifier')));
    const { lines, report } = await predict(model, 'age,city\n80,Rome\n,Paris\n0,Rome\n', {
      probabilities: true,
      prediction_column: 'guess',
    });
    expect(lines[0]).toBe('age,city,guess,guess_probability,guess_probability_on time,guess_probability_late');
    expect(lines[1]).toBe('80,Rome,late,1,0,1');
    expect(lines[2]).toMatch(/^,Paris,late,0\.9999/);
    expect(lines[3]).toMatch(/^0,Rome,on time,1,1,/);
    expect(report).toMatchObject({ predicted: { late: 2, 'on time': 1 } });
  });
  it('appends the tags of a text, a word a tag', async () => {
    const model = await handle(writeTagger(join(dir, 'tagger')));
    const { lines, report } = await predict(model, 'text\naz zoo b\nq\n');
    expect(lines).toEqual(['text,prediction', 'az zoo b,early late early', 'q,late']);
    expect(report).toMatchObject({ rows: 2, predicted: { early: 2, late: 2 } });
  });
  it('refuses to write over a column', async () => {
    const model = await handle(writeRegressor(join(dir, 'regressor')));
    await expect(predict(model, 'x,prediction\n1,2\n')).rejects.toMatchObject({
      code: 'invalid_parameter',
      where: { field: 'params.prediction_column', column: 'prediction' },
    });
  });
});
