import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { defineRecipe, EvidenceRecord, RecipeManifest, SmokeView } from '@strata/contracts';
import { createLogger } from '@strata/service-kit';
import { z } from 'zod';
import { openEvidence } from '../evidence.js';
import { small } from '../testing/content.js';
import { ask, startTestCatalog, type TestCatalog } from '../testing/service.js';

const reference = {
  metric: 'test_accuracy',
  value: 0.93,
  tolerance: 0.01,
  data: 'some rows',
  command: 'npm test',
  date: '2026-11-23',
  hardware: 'a processor',
  commit: '2eac113',
};
let made = 0;
const recipe = defineRecipe({
  name: 'language/lora',
  version: 2,
  queue: 'train',
  title: { en: 'Tune', zh: '微调任务' },
  summary: { en: 'Tunes.', zh: '进行微调。' },
  catalog: ['lora'],
  params: z.object({ rank: z.number().default(8).describe('rank') }),
  inputs: { train: { kind: 'dataset', description: { en: 'rows', zh: '数据' } } },
  outputs: { model: { kind: 'model', description: { en: 'tuned', zh: '模型' } } },
  resumable: false,
  smoke: {
    params: { rank: 2 },
    inputs: {
      train: {
        format: 'csv',
        target: 'y',
        dataset: () => {
          made++;
          return `x,y\n${'字,1\n'.repeat(1000)}`;
        },
      },
    },
    falls: 'train_loss',
  },
  reference,
  run: () => Promise.reject(new Error('not run here')),
});
const record: EvidenceRecord = {
  recipe: recipe.name,
  runs: [
    {
      what: 'some rows',
      passed: true,
      date: '2026-11-25T12:00:00.000Z',
      commit: '2eac113',
      changed: false,
      hardware: '2 × a processor',
      figures: { 'float.accuracy': 0.934 },
    },
  ],
};

let dir: string;
let service: TestCatalog;
beforeAll(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'strata-records-'));
  await mkdir(path.join(dir, 'language'));
  service = await startTestCatalog(small(), [recipe], { EVIDENCE_DIR: dir });
});
afterAll(async () => {
  await service.stop();
  await rm(dir, { recursive: true, force: true });
});

const shown = async () => (await service.client.call.getNode(ask.get('recipe-language-lora'))).recipe;
const write = (text: string): Promise<void> => writeFile(path.join(dir, 'language/lora.json'), text);

describe('the entry of a recipe', () => {
  it('shows the schema of its parameters, its small run and its reference result', async () => {
    expect(made).toBe(0);
    const found = await shown();
    expect(RecipeManifest.parse(JSON.parse(found?.manifestJson ?? ''))).toMatchObject({
      params: { properties: { rank: { default: 8 } } },
      reference,
    });
    const smoke = SmokeView.parse(JSON.parse(found?.smokeJson ?? ''));
    // 4 bytes of the header; each row: 3 of the character, 3 of the rest
    expect(smoke).toMatchObject({
      params: { rank: 2 },
      falls: 'train_loss',
      inputs: { train: { from: 'data', format: 'csv', target: 'y', bytes: 4 + 1000 * 6 } },
    });
    const { train } = smoke.inputs;
    expect(train?.from === 'data' && train.head).toMatch(/^x,y\n(字,1\n){499}$/);
    await shown();
    expect(made).toBe(1);
  });

  it('shows the last runs in the evidence suite as soon as there are some', async () => {
    expect((await shown())?.lastEvidenceJson).toBe('');
    await write(JSON.stringify(record));
    expect(EvidenceRecord.parse(JSON.parse((await shown())?.lastEvidenceJson ?? ''))).toEqual(record);
    const again = { ...record, runs: record.runs.map((r) => ({ ...r, passed: false })) };
    await write(JSON.stringify(again));
    expect(JSON.parse((await service.client.call.getRecipe({ name: recipe.name })).lastEvidenceJson)).toEqual(again);
  });

  it.each([
    ['is cut off', '{"recipe": "language/lora", "runs": ['],
    ['is about another recipe', JSON.stringify({ ...record, recipe: 'language/other' })],
    ['has no figures', JSON.stringify({ ...record, runs: [{ what: 'x', passed: true }] })],
  ])('does without a record that %s', async (_, text) => {
    await write(text);
    expect(await shown()).toMatchObject({ name: 'language/lora', lastEvidenceJson: '' });
  });

  it('is short in lists, and other entries have none', async () => {
    const { nodes } = await service.client.call.listNodes(ask.list({ kinds: ['recipe', 'technique'] }));
    expect(nodes.map((n) => n.recipe)).toEqual(nodes.map(() => undefined));
    expect((await service.client.call.getNode(ask.get('lora'))).recipe).toBeUndefined();
    const { recipes } = await service.client.call.listRecipes({ queue: '' });
    expect(recipes).toEqual([expect.objectContaining({ name: recipe.name, smokeJson: '', lastEvidenceJson: '' })]);
  });
});

describe('the folder of records', () => {
  it('must exist when it is named', async () => {
    const log = createLogger('catalog', 'silent');
    await expect(openEvidence(path.join(dir, 'nowhere'), log)).rejects.toMatchObject({
      code: 'invalid_configuration',
      where: { field: 'EVIDENCE_DIR' },
    });
  });
});
