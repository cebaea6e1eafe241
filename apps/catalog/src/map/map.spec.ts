import { describe, expect, it } from '@jest/globals';
import { defineRecipe } from '@strata/contracts';
import { readContent } from '@strata/map';
import { recipes } from '@strata/recipes';
import { z } from 'zod';
import { BUNDLED_CONTENT } from '../app.module.js';
import { small } from '../testing/content.js';
import { coverageOf } from './coverage.js';
import { buildMap } from './map.js';

const recipe = (slug: string) =>
  defineRecipe({
    name: 'data/thing',
    version: 1,
    queue: 'train',
    title: { en: 'Thing', zh: '东西' },
    summary: { en: 'Does.', zh: '做。' },
    catalog: [slug],
    params: z.object({}),
    inputs: {},
    outputs: {},
    resumable: false,
    smoke: { params: {}, inputs: {} },
    run: () => Promise.reject(new Error('not run here')),
  });

describe('the map with its recipes', () => {
  it('refuses content that does not hold together, with the place', () => {
    const broken = { ...small(), problems: [{ file: 'x.yaml', line: 7, message: 'kind: no' }] };
    expect(() => buildMap(broken, [])).toThrow('catalog content: x.yaml:7: kind: no');
  });

  it('refuses a recipe that names an entry which does not exist', () => {
    expect(() => buildMap(small(), [recipe('c')])).toThrow(
      /recipe "data\/thing": its catalog entry "c" does not exist/,
    );
  });

  it('hangs recipes below the entries that they run', () => {
    const map = buildMap(small(), [recipe('lora')]);
    expect(map.nodes.get('lora')?.edges).toContainEqual({ kind: 'runs-as', from: 'lora', to: 'recipe-data-thing' });
    expect(map.nodes.get('recipe-data-thing')?.kind).toBe('recipe');
    expect(map.incoming.get('recipe-data-thing')).toHaveLength(1);
    const { covered, missing } = coverageOf(map);
    expect([covered.map((c) => c.node.slug), missing.map((c) => c.node.slug)]).toEqual([
      ['lora'],
      ['full-tuning', 'transformer'],
    ]);
  });
});

describe('the bundled content', () => {
  it('holds together, with the recipes of this repository, and has its size', async () => {
    const content = await readContent(BUNDLED_CONTENT);
    const map = buildMap(content, recipes);
    expect(map.manifests.size).toBe(recipes.length);
    const { covered, missing } = coverageOf(map);
    for (const slug of ['data-cleaning', 'data-sampling', 'quantization'])
      expect(covered.map((c) => c.node.slug)).toContain(slug);
    // what the map promises and nobody has written yet is said, not hidden
    for (const { node } of missing) expect(node.recipes).toEqual([]);
    expect(content.entries.length).toBeGreaterThanOrEqual(320);
    expect(map.edges.filter((e) => e.kind !== 'runs-as').length).toBeGreaterThanOrEqual(900);
  });

  it('has every algorithm with its paper, and every figure that can be checked, checked', async () => {
    const { entries } = await readContent(BUNDLED_CONTENT);
    const wanting = entries.filter(
      ({ entry: e }) =>
        (e.kind === 'algorithm' || (e.runnable && e.kind === 'technique')) && (!e.method || !e.references.length),
    );
    expect(wanting.map((p) => p.entry.slug)).toEqual([]);
    const figures = new Map(entries.flatMap(({ entry: e }) => (e.figure ? [[e.slug, e.figure] as const] : [])));
    // 36 + 29 + 14 = 79, and the shares of each
    expect(figures.get('domestic-model-count')).toMatchObject({ value: 79, check: { sum: expect.anything() } });
    const shares = [...figures.values()].flatMap((f) =>
      f.check?.percent?.whole === 'domestic-model-count' ? [f.value] : [],
    );
    expect(shares.sort()).toEqual([17.72, 36.71, 45.57]);
  });
});
