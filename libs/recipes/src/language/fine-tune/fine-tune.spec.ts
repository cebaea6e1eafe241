import { readFile, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { DatasetHandle, InputHandle, ModelHandle, RecipeDefinition } from '@strata/contracts';
import { loadOnnx } from '@strata/graph/onnx';
import { createRng } from '@strata/kernel';
import { createSession, float32Of, openGraph, tensor } from '@strata/runtime';
import { openModel } from '@strata/serving';
import { buildTrainStep, initialWeights, sgd } from '@strata/training';
import { modelBytes } from '../../shared/export-model.js';
import { getRecipe } from '../../index.js';
import { asInput, datasetFromText, localFolder, runLocally, type LocalRun } from '../../testing/local-context.js';
import { classifierGraph, classifierLoss, isLora, mergeLora, type Classifier } from './fine-tune.model.js';
import recipe from './fine-tune.recipe.js';
import { safetensors } from './safetensors.js';
import { chooseMethod } from './strategy.js';

let dir: string;
let runs = 0;
beforeAll(async () => void (dir = await localFolder()));
afterAll(() => rm(dir, { recursive: true, force: true }));

const MODEL: Classifier = {
  family: 'bert',
  config: { vocab_size: 11, block_size: 8, n_layer: 2, n_head: 2, n_embd: 8 },
  pooling: 'mean',
  classes: ['a', 'b', 'c'],
  lora: { rank: 2, alpha: 6, dropout: 0, targets: ['tokens', 'qkv', 'down'] },
  labelSmoothing: 0,
  classWeights: undefined,
};
const FEEDS = {
  input_ids: tensor.int64([1, 2, 3, 4, 5, 6, 0, 0], [2, 4]),
  attention_mask: tensor.int64([1, 1, 1, 1, 1, 1, 0, 0], [2, 4]),
};

async function start(inputs: Record<string, InputHandle>, params: Record<string, unknown> = {}): Promise<LocalRun> {
  return runLocally(recipe as RecipeDefinition, params, { dir: join(dir, String(runs++)), inputs });
}
const rows = (n: number): Promise<DatasetHandle> =>
  datasetFromText(
    dir,
    'text,label\n' +
      Array.from({ length: n }, (_, i) => (i % 2 ? `夜来风雨声${i % 7},night\n` : `处处闻啼鸟${i % 7},spring\n`)).join(
        '',
      ),
  );

describe('low-rank changes', () => {
  it('begin at the base model, and once merged give what they gave beside it', async () => {
    const step = buildTrainStep((g) => classifierLoss(g, MODEL), {
      optimizer: sgd(),
      trainable: ({ name }) => isLora(name),
    });
    // qkv: rank · (8 + 24), down: rank · (32 + 8), in both blocks; tokens: rank · (11 + 8)
    expect(step.parameters.reduce((s, p) => s + p.shape.reduce((x, d) => x * d, 1), 0)).toBe(
      2 * 2 * (32 + 40) + 2 * 19,
    );
    const first = initialWeights(step, createRng(3));
    const rng = createRng(4);
    const trained = Object.fromEntries(
      Object.entries(first).map(([name, t]) => [
        name,
        isLora(name) ? { ...t, data: Float32Array.from(t.data, () => rng.next() - 0.5) } : t,
      ]),
    );
    const beside = await openGraph(classifierGraph(MODEL), { threads: 1 });
    const lora = MODEL.lora;
    if (!lora) throw new Error('no lora');
    const plain = classifierGraph({ ...MODEL, lora: undefined });
    const merged = await createSession(modelBytes(plain, mergeLora(trained, lora)), { threads: 1 });
    const untouched = await createSession(modelBytes(plain, mergeLora(first, lora)), { threads: 1 });
    const out = async (run: Promise<Record<string, unknown>>): Promise<number[]> => [
      ...float32Of((await run)['probabilities'] as Parameters<typeof float32Of>[0], 'probabilities'),
    ];
    try {
      const [start0, changed, joined, base] = [
        await out(beside.run({ ...first, ...FEEDS }, ['probabilities'])),
        await out(beside.run({ ...trained, ...FEEDS }, ['probabilities'])),
        await out(merged.run(FEEDS, ['probabilities'])),
        await out(untouched.run(FEEDS, ['probabilities'])),
      ];
      start0.forEach((p, i) => expect(p).toBeCloseTo(base[i] as number, 6));
      changed.forEach((p, i) => expect(p).toBeCloseTo(joined[i] as number, 5));
      expect(Math.max(...changed.map((p, i) => Math.abs(p - (start0[i] as number))))).toBeGreaterThan(1e-3);
    } finally {
      await Promise.all([beside.release(), merged.release(), untouched.release()]);
    }
  });
});

describe('pooling', () => {
  it.each(['mean', 'last'] as const)('%s: padding changes nothing', async (pooling) => {
    for (const family of ['bert', 'gpt'] as const) {
      const model: Classifier = { ...MODEL, family, pooling, lora: undefined };
      const step = buildTrainStep((g) => classifierLoss(g, model), { optimizer: sgd() });
      const session = await openGraph(classifierGraph(model), { threads: 1 });
      const weights = initialWeights(step, createRng(5));
      const probabilities = async (ids: number[], mask: number[]): Promise<number[]> => {
        const feeds = {
          input_ids: tensor.int64(ids, [1, ids.length]),
          attention_mask: tensor.int64(mask, [1, ids.length]),
        };
        return [...float32Of((await session.run({ ...weights, ...feeds }, ['probabilities']))['probabilities'], 'p')];
      };
      const short = await probabilities([5, 6], [1, 1]);
      const padded = await probabilities([5, 6, 0, 0, 0], [1, 1, 0, 0, 0]);
      short.forEach((p, i) => expect(padded[i]).toBeCloseTo(p, 5));
      await session.release();
    }
  });
});

describe('the method', () => {
  const choose = (rows: number, hasBase = true): string =>
    chooseMethod({ asked: 'auto', hasBase, rows, classes: 4 }).method;
  it('follows from the size of the data, and says why in both languages', () => {
    expect([choose(31), choose(32), choose(5000), choose(5001), choose(31, false)]).toEqual([
      'head',
      'lora',
      'lora',
      'full',
      'full',
    ]);
    const { why } = chooseMethod({ asked: 'auto', hasBase: true, rows: 700, classes: 7 });
    expect(why.en).toMatch(/^700 texts/);
    expect(why.zh).toMatch(/^共 700 条文本/);
    expect(chooseMethod({ asked: 'head', hasBase: true, rows: 9999, classes: 2 }).method).toBe('head');
  });
});

it('safetensors: header, padding and numbers as the format says', () => {
  const bytes = Buffer.from(
    safetensors({ w: { dtype: 'float32', dims: [1, 2], data: Float32Array.of(1, -2) } }, { note: '注' }),
  );
  const size = Number(bytes.readBigUInt64LE(0));
  expect(size % 8).toBe(0);
  expect(JSON.parse(bytes.toString('utf8', 8, 8 + size))).toEqual({
    __metadata__: { note: '注' },
    w: { dtype: 'F32', shape: [1, 2], data_offsets: [0, 8] },
  });
  expect([bytes.readFloatLE(8 + size), bytes.readFloatLE(12 + size), bytes.length]).toEqual([1, -2, 16 + size]);
});

describe('language/fine-tune', () => {
  let base: ModelHandle;
  beforeAll(async () => {
    const lm = getRecipe('language/causal-lm');
    const text = Array.from(
      { length: 60 },
      (_, i) => `春眠不觉晓，处处闻啼鸟。夜来风雨声，花落知多少。${i % 7}\n`,
    ).join('');
    const data = await datasetFromText(dir, text, 'text');
    const run = await runLocally(
      lm,
      { ...lm.smoke.params, max_steps: 4 },
      { dir: join(dir, 'base'), inputs: { data } },
    );
    base = asInput(run.outputs.get('model')) as ModelHandle;
  });

  it('trains what the method says and keeps the rest of the base bit for bit', async () => {
    const train = await rows(40);
    const shares: Record<string, number> = {};
    for (const method of ['head', 'lora', 'full'] as const) {
      const run = await start({ train, base }, { method, epochs: 2, lora_rank: 1 });
      shares[method] = Number(run.result['trained_share']);
      const model = run.outputs.get('model');
      if (model?.kind !== 'model') throw new Error('no model');
      expect((await readdir(model.dir)).includes('adapter.safetensors')).toBe(method === 'lora');
      expect(model.manifest.card.zh).toContain(`方法 ${method}`);
      const changed = (name: string): boolean => {
        const [before, after] = [base.dir, model.dir].map(
          (folder) => loadOnnx(join(folder, 'model.onnx')).initializers.get(name)?.data,
        );
        expect(before).toBeDefined();
        return !isDeepStrictEqual(before, after);
      };
      expect({ method, tokens: changed('tokens/table'), qkv: changed('block_0/attention/qkv/weight') }).toEqual({
        method,
        tokens: method !== 'head',
        qkv: method === 'full',
      });
      const predictor = await openModel(model.dir, { threads: 1 });
      const [prediction] = await predictor.predict(['处处闻啼鸟']);
      await predictor.close();
      expect(prediction).toMatchObject({ label: expect.stringMatching(/^(night|spring)$/) });
    }
    expect(shares['full']).toBe(1);
    expect(shares['head']).toBeLessThan(shares['lora'] as number);
    expect(shares['lora']).toBeLessThan(0.5);
  });

  it('starts from nothing without a base, and refuses a model that is none', async () => {
    const train = await rows(40);
    const scratch = await start({ train }, { epochs: 1, n_layer: 1, n_embd: 16, n_head: 2, block_size: 8 });
    expect(scratch.result).toMatchObject({ method: 'full', trained_share: 1 });
    const model = asInput(scratch.outputs.get('model'));
    await expect(start({ train, base: model })).rejects.toMatchObject({
      code: 'invalid_model',
      message: expect.stringContaining('language/fine-tune'),
      where: { field: 'inputs.base' },
    });
    if (!('manifest' in model)) throw new Error('no model');
    expect(JSON.parse(await readFile(join(model.dir, 'tokenizer.json'), 'utf8'))).toMatchObject({
      post_processor: null,
    });
  });
});
