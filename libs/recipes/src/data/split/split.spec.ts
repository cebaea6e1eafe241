import { readFile, rm } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { RecipeDefinition } from '@strata/contracts';
import { datasetFromText, localFolder, runLocally } from '../../testing/local-context.js';
import recipe from './split.recipe.js';

let dir: string;
beforeAll(async () => {
  dir = await localFolder();
});
afterAll(() => rm(dir, { recursive: true, force: true }));

async function split(
  params: Record<string, unknown>,
  seed = 1,
): Promise<{ train: string[]; test: string[]; report: unknown }> {
  const rows = Array.from({ length: 100 }, (_, i) => `${i * 1.5},"text, ${i}",${i % 10 ? 'a' : 'b'}`);
  const data = await datasetFromText(dir, `x,t,y\n${rows.join('\n')}\n`, 'csv', { types: { t: 'text' } });
  const { outputs } = await runLocally(recipe as RecipeDefinition, params, { dir, inputs: { data }, seed });
  const lines = async (name: string): Promise<string[]> => {
    const o = outputs.get(name);
    if (o?.kind !== 'dataset') throw new Error(`no ${name}`);
    expect(o.format.columns.map((c) => c.type)).toEqual(['number', 'text', 'category']);
    return (await readFile(o.path, 'utf8')).trimEnd().split('\n').slice(1);
  };
  const report = outputs.get('report');
  return {
    train: await lines('train'),
    test: await lines('test'),
    report: report?.kind === 'report' ? report.report : null,
  };
}

describe('data/split', () => {
  it("writes every row once, in the file's order, with its cells as they were", async () => {
    const { train, test, report } = await split({ test_size: 0.3 });
    expect(test).toHaveLength(30);
    expect(new Set([...train, ...test]).size).toBe(100);
    expect(test).toEqual([...test].sort((a, b) => parseFloat(a) - parseFloat(b)));
    expect(train.every((l) => /^[\d.]+,"text, \d+",[ab]$/.test(l))).toBe(true);
    expect(report).toEqual({ train: { rows: 70 }, test: { rows: 30 } });
  });
  it('keeps the share of classes and follows the seed', async () => {
    const first = await split({ stratify: 'y' }, 3);
    expect(first.report).toEqual({
      train: { rows: 80, classes: { b: 8, a: 72 } },
      test: { rows: 20, classes: { b: 2, a: 18 } },
    });
    expect((await split({ stratify: 'y' }, 3)).test).toEqual(first.test);
    expect((await split({ stratify: 'y' }, 4)).test).not.toEqual(first.test);
  });
  it('refuses columns that are none or no classes', async () => {
    await expect(split({ stratify: 'z' })).rejects.toMatchObject({
      code: 'unknown_column',
      where: { field: 'params.stratify' },
    });
    await expect(split({ stratify: 't' })).rejects.toMatchObject({ code: 'invalid_parameter', where: { column: 't' } });
  });
});
