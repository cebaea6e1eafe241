import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { ModelHandle, RecipeDefinition } from '@strata/contracts';
import { readManifest } from '@strata/serving';
import { writeClassifier, writeRegressor, writeTagger, writeTextModel } from '@strata/serving/testing';
import { datasetFromText, localFolder, runLocally } from '../../testing/local-context.js';
import recipe from './evaluate.recipe.js';

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
interface Report {
  task: string;
  target: string;
  rows: number;
  rows_without_target: number;
  metrics: Record<string, number>;
  classes: string[];
  confusion_matrix: number[][];
  rows_of_unseen_classes: number;
  latency: Record<string, number>;
  model: { bytes: number };
}
async function evaluate(
  model: ModelHandle,
  text: string,
  params: Record<string, unknown> = {},
): Promise<{ report: Report; result: Record<string, unknown> }> {
  const data = await datasetFromText(dir, text);
  const { outputs, result } = await runLocally(
    recipe as RecipeDefinition,
    { latency_rows: 2, ...params },
    { dir, inputs: { model, data } },
  );
  const report = outputs.get('report');
  if (report?.kind !== 'report') throw new Error('no report');
  return { report: report.report as unknown as Report, result };
}

describe('inference/evaluate', () => {
  // P(late) = sigmoid(age − 40 + 10·[Paris]), 40 where the age is missing: late, late, on time, late, on time
  const trips = (labels: string[]): string =>
    `city,age,punctual\n${['Rome,41', 'Paris,38', 'Rome,30', 'Paris,', 'Oslo,39'].map((r, i) => `${r},${labels[i]}`).join('\n')}\n`;

  it('judges a classifier; rows without truth are left out', async () => {
    const model = await handle(writeClassifier(join(dir, 'classifier')));
    const { report, result } = await evaluate(model, trips(['late', 'on time', 'on time', 'late', '?']), {
      batch_size: 2,
    });
    expect(report).toMatchObject({
      task: 'classification',
      target: 'punctual',
      rows: 4,
      rows_without_target: 1,
      classes: ['on time', 'late'],
      confusion_matrix: [
        [1, 1],
        [0, 2],
      ],
      rows_of_unseen_classes: 0,
    });
    // F1: on time 2/3, late 4/5. Log loss from σ(1), σ(8), σ(−10), σ(10)
    const s = (x: number): number => 1 / (1 + Math.exp(-x));
    expect(report.metrics['accuracy']).toBe(0.75);
    expect(report.metrics['macro_f1']).toBeCloseTo((2 / 3 + 4 / 5) / 2, 6);
    expect(report.metrics['log_loss']).toBeCloseTo(-(Math.log(s(1)) + Math.log(s(-8)) + 2 * Math.log(s(10))) / 4, 3);
    // (three places: 1 − σ(8) is a difference of float32)
    // positive scores σ(1), σ(10); negative σ(8), σ(−10): three of four pairs are in order
    expect(report.metrics['auc']).toBe(0.75);
    expect(report.latency['single_row_p50_ms']).toBeGreaterThan(0);
    expect(result['model_bytes']).toBe(report.model.bytes);
  });

  it("a class that the model does not know counts as wrong; when most are, the data is not the model's", async () => {
    const model = await handle(writeClassifier(join(dir, 'classifier')));
    const { report } = await evaluate(model, trips(['late', 'late', 'on time', 'cancelled', 'on time']));
    expect(report).toMatchObject({ rows_of_unseen_classes: 1, classes: ['on time', 'late', 'cancelled'] });
    expect(report.metrics['accuracy']).toBe(0.8);
    await expect(evaluate(model, trips(['late.', 'late.', 'on time.', 'late.', 'late.']))).rejects.toMatchObject({
      code: 'invalid_data',
      message: expect.stringMatching(
        /line 2: "late\." is none of the model's classes \("on time", "late"\).*data\/clean/,
      ),
      where: { line: 2 },
    });
  });

  it('judges a regressor', async () => {
    const model = await handle(writeRegressor(join(dir, 'regressor')));
    // predictions 3, 5, 7 (y = 2x + 1) against 3, 6, 5: errors 0, −1, 2; squared deviations of the truth sum to 14/3
    const { report } = await evaluate(model, 'x,y\n1,3\n2,6\n3,5\n');
    expect(report.metrics['rmse']).toBeCloseTo(Math.sqrt(5 / 3), 6);
    expect(report.metrics['mae']).toBeCloseTo(1, 6);
    expect(report.metrics['r2']).toBeCloseTo(1 - 5 / (14 / 3), 6);
    await expect(evaluate(model, 'x,y\n1,high\n2,low\n')).rejects.toMatchObject({
      code: 'invalid_data',
      where: { line: 2, column: 'y' },
    });
  });

  it('judges a tagger word by word; what lies beyond its longest text is O', async () => {
    const model = await handle(writeTagger(join(dir, 'tagger')));
    // eight letters, of which it reads six: g and h have no answer
    const { report } = await evaluate(
      model,
      'text,tags\naz zoo,early early\na b c d e f g h,early early early early early early early O\n',
      {
        target: 'tags',
      },
    );
    expect(report).toMatchObject({ task: 'token-classification', rows: 2, metrics: { accuracy: 8 / 10 }, words: 10 });
    expect(report.metrics).not.toHaveProperty('f1');
  });
  it("finds the text column: of the model's name, else the only free text, else asks", async () => {
    const model = await handle(writeTextModel(join(dir, 'text')));
    // "long" from two words on
    const rows = Array.from(
      { length: 6 },
      (_, i) => `${i % 2 ? `some words about thing number ${i}` : `word${i}`},${i % 2 ? 'long' : 'short'}`,
    );
    const named = await evaluate(model, `text,label\n${rows.join('\n')}\n`, { target: 'label' });
    expect(named.report.metrics['accuracy']).toBe(1);
    const asked = await evaluate(model, `note,label\n${rows.join('\n')}\n`, { target: 'label', text_column: 'note' });
    expect(asked.report.metrics['accuracy']).toBe(1);
    await expect(evaluate(model, 'a,label\nx,long\nx,short\n', { target: 'label' })).rejects.toMatchObject({
      code: 'unknown_column',
      message: expect.stringMatching(/has 0 columns of free text. Name it in text_column/),
    });
  });

  it('says which column is absent', async () => {
    const model = await handle(writeClassifier(join(dir, 'classifier')));
    await expect(evaluate(model, 'city,punctual\nRome,late\nOslo,late\n')).rejects.toMatchObject({
      code: 'unknown_column',
      where: { column: 'age' },
    });
    await expect(evaluate(model, 'city,age\nRome,1\nOslo,2\n')).rejects.toMatchObject({
      code: 'unknown_column',
      where: { field: 'params.target' },
    });
    await expect(evaluate(await handle(writeTextModel(join(dir, 'text'))), 'text,l\na,b\n')).rejects.toMatchObject({
      code: 'invalid_parameter',
    });
  });
});
