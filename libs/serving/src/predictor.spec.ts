import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { isStrataError } from '@strata/kernel';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { openModel, type Predictor } from './index.js';
import { writeClassifier, writeLetterModel, writeRegressor, writeTagger, writeTextModel } from './testing/models.js';

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));
const failure = async (p: Promise<unknown>): Promise<unknown> => {
  const e: unknown = await p.catch((error: unknown) => error);
  return isStrataError(e) ? { code: e.code, message: e.message, where: e.where } : e;
};

describe('a model folder opened in-process', () => {
  let dir: string;
  let classifier: Predictor;
  let regressor: Predictor;
  let text: Predictor;
  beforeAll(async () => {
    dir = mkdtempSync(path.join(os.tmpdir(), 'strata-serving-'));
    classifier = await openModel(writeClassifier(path.join(dir, 'classifier')));
    regressor = await openModel(writeRegressor(path.join(dir, 'regressor')));
    text = await openModel(writeTextModel(path.join(dir, 'text')));
  });
  afterAll(async () => {
    await Promise.all([classifier.close(), regressor.close(), text.close()]);
    rmSync(dir, { recursive: true, force: true });
  });

  it('classifies raw rows, with missing values and unknown categories', async () => {
    const rows = [
      { age: 41, city: 'Rome', extra: 'ignored' },
      { age: '38.5', city: 'Paris' },
      { age: null, city: 'Paris' },
      { age: '', city: null },
      { age: true, city: 'Paris' },
    ];
    const late = [sigmoid(1), sigmoid(8.5), sigmoid(10), 0.5, sigmoid(-29)];
    const predictions = await classifier.predict(rows);
    expect(predictions).toHaveLength(5);
    predictions.forEach((p, i) => {
      if (!('label' in p)) throw new Error('not a classification');
      expect(p.probabilities['late']).toBeCloseTo(late[i] as number, 5);
      expect(p.probabilities['on time']).toBeCloseTo(1 - (late[i] as number), 5);
      expect(p.label).toBe((late[i] as number) > 0.5 ? 'late' : 'on time');
      expect(p.probability).toBe(p.probabilities[p.label]);
    });
  });

  it('predicts numbers', async () => {
    expect(await regressor.predict([{ x: 1.5 }, { x: '-2' }])).toEqual([{ value: 4 }, { value: -3 }]);
    expect(await regressor.predict([])).toEqual([]);
  });

  it('takes texts as strings or objects, of different length', async () => {
    const predictions = await text.predict(['one', { text: 'two words' }, '三个字', '', { text: null }]);
    const words = [1, 2, 3, 0, 0]; // Chinese counts by character
    predictions.forEach((p, i) => {
      if (!('label' in p)) throw new Error('not a classification');
      expect(p.probabilities['long']).toBeCloseTo((words[i] as number) / ((words[i] as number) + 1), 6);
    });
    expect(predictions.map((p) => 'label' in p && p.label)).toEqual(['short', 'long', 'long', 'short', 'short']);
  });

  it('reads texts through the tokenizer in its folder, padded for each batch and cut at max_length', async () => {
    const letters = await openModel(writeLetterModel(path.join(dir, 'letters')));
    const predictions = await letters.predict(['abz', 'zz', 'n', '', 'aaaaaazzzz', '中z']);
    const late = predictions.map((p) => 'label' in p && p.probabilities['late']);
    [1 / 3, 1, 1, 0, 0, 1 / 2].forEach((p, i) => expect(late[i]).toBeCloseTo(p, 6));
    await letters.close();
  });

  it('tells the tag of each word, with its place', async () => {
    const tagger = await openModel(writeTagger(path.join(dir, 'tagger')));
    const [first, second] = await tagger.predict(['  az zoo b', 'q']);
    const word = (text: string, start: number, label: string) => ({
      text,
      start,
      end: start + text.length,
      label,
      probability: 1,
    });
    expect(first).toEqual({ tags: [word('az', 2, 'early'), word('zoo', 5, 'late'), word('b', 9, 'early')] });
    expect(second).toEqual({ tags: [word('q', 0, 'late')] });
    const given = { text: { dtype: 'string' as const, dims: [1], data: ['ab'] } };
    expect(Object.keys(await tagger.infer(given, ['offsets', 'label'])).sort()).toEqual(['label', 'offsets']);
    await tagger.close();
    rmSync(path.join(dir, 'tagger', 'tokenizer.json'));
    expect(await failure(openModel(path.join(dir, 'tagger')))).toMatchObject({
      code: 'invalid_model',
      message: expect.stringContaining('tokenizer.json'),
    });
  });

  it('names row and field of what does not fit', async () => {
    expect(await failure(classifier.predict([{ age: 1, city: 'a' }, { age: 2 }]))).toEqual({
      code: 'unknown_column',
      message: expect.stringMatching(/row 2 has no "city".*"age", "city".*The row has "age"/),
      where: { field: 'inputs.1.city', line: 2, column: 'city' },
    });
    expect(await failure(classifier.predict([{ age: 'old', city: 'a' }], 100))).toEqual({
      code: 'invalid_input',
      message: 'row 100: "age" must be a number, got "old"',
      where: { field: 'inputs.99.age', line: 100, column: 'age' },
    });
    expect(await failure(classifier.predict(['a text']))).toMatchObject({ code: 'invalid_input' });
    expect(await failure(text.predict([{ message: 'hello' }]))).toMatchObject({ code: 'unknown_column' });
    // own properties only
    expect(await failure(text.predict([Object.create({ text: 'inherited' }) as { text: string }]))).toMatchObject({
      code: 'unknown_column',
    });
  });

  it('refuses a value that it cannot speak about', async () => {
    expect(await failure(regressor.predict([{ x: null }]))).toMatchObject({
      code: 'invalid_model',
      message: expect.stringContaining('NaN for row 1'),
    });
  });

  it('checks tensors against the manifest', async () => {
    const x = { dtype: 'float32' as const, dims: [2, 1], data: Float32Array.of(1, 2) };
    expect((await regressor.infer({ x }))['prediction']?.data).toEqual(Float32Array.of(3, 5));
    const wrong: [Parameters<Predictor['infer']>, RegExp][] = [
      [[{}], /input "x" \(FP32 \[-1, 1\]\) is missing/],
      [[{ x, y: x }], /no input "y"/],
      [[{ x: { dtype: 'float64', dims: [1, 1], data: Float64Array.of(1) } }], /takes FP32, not FP64/],
      [[{ x: { ...x, dims: [2] } }], /takes the shape \[-1, 1\]/],
      [[{ x: { ...x, dims: [1, 2] } }], /takes the shape/],
      [[{ x: { ...x, dims: [3, 1] } }], /needs 3 values, got 2/],
      [[{ x }, ['label']], /no output "label"/],
    ];
    for (const [args, message] of wrong)
      expect(await failure(regressor.infer(...args))).toMatchObject({
        code: 'invalid_input',
        message: expect.stringMatching(message),
      });
    const age = { dtype: 'float32' as const, dims: [1, 1], data: Float32Array.of(1) };
    const city = { dtype: 'string' as const, dims: [2, 1], data: ['a', 'b'] };
    expect(await failure(classifier.infer({ age, city }))).toMatchObject({
      message: expect.stringMatching(/"age" and "city" have 1 and 2 rows/),
    });
  });

  it('says what is wrong with a folder', async () => {
    expect(await failure(openModel(path.join(dir, 'nothing')))).toMatchObject({ code: 'invalid_model' });
    const broken = writeRegressor(path.join(dir, 'broken'));
    writeFileSync(path.join(broken, 'model.onnx'), 'this is no ONNX');
    expect(await failure(openModel(broken))).toMatchObject({ code: 'invalid_onnx' });
    writeFileSync(path.join(broken, 'model.json'), '{"format":"strata-model/1"}');
    expect(await failure(openModel(broken))).toMatchObject({ code: 'invalid_model' });
    writeFileSync(path.join(broken, 'model.json'), '{');
    expect(await failure(openModel(broken))).toMatchObject({
      code: 'invalid_model',
      message: expect.stringContaining('is not JSON'),
    });
  });
});
