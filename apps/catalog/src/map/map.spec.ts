import { describe, expect, it } from '@jest/globals';
import { defineRecipe, type RecipeDefinition } from '@strata/contracts';
import { recipes } from '@strata/recipes';
import { z } from 'zod';
import { BUNDLED_CONTENT } from '../app.module.js';
import { buildMap, coverageOf } from './map.js';
import { parseContent, readContent } from './read.js';

const entry = (slug: string, rest = ''): string => `- slug: ${slug}
  kind: task
  name: { en: ${slug}, zh: 名称 }
  summary: { en: An entry., zh: 一个条目。 }
${rest ? `  ${rest}\n` : ''}`;

const build = (text: string, recipes: RecipeDefinition[] = []) => buildMap(parseContent(text, 'x.yaml'), recipes);

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

describe('content of the map', () => {
  it.each([
    ['an edge into nothing', entry('a', 'edges: { uses: [b] }'), /x\.yaml:1: "a" uses "b", and there is no such entry/],
    ['a duplicate slug', entry('a') + entry('a'), /x\.yaml:5: slug "a" is taken by x\.yaml:1/],
    ['an entry without edges', entry('a'), /"a" hangs in the air/],
    ['an edge to itself', entry('a', 'edges: { uses: [a] }'), /"a" uses itself/],
    [
      'a circle of contains',
      entry('a', 'edges: { contains: [b] }') + entry('b', 'edges: { contains: [a] }'),
      /contains runs in a circle: a → b → a/,
    ],
    ['a missing language', entry('a').replace(', zh: 名称', ''), /x\.yaml:1: name\.zh/],
    ['a summary that was not translated', entry('a').replace('一个条目。', 'same'), /no Chinese character/],
    ['an unknown kind of edge', entry('a', 'edges: { likes: [a] }'), /x\.yaml:1: edges/],
    ['an unknown field', entry('a', 'colour: red'), /x\.yaml:1/],
    ['broken YAML', '- slug: [a', /x\.yaml:1/],
    ['a slug that is no slug', entry('A_b'), /slug: lower-case/],
  ])('refuses %s', (_, text, message) => {
    expect(() => build(text)).toThrow(message);
  });

  it('refuses a recipe that names an entry which does not exist', () => {
    const text = entry('a', 'edges: { uses: [b] }') + entry('b');
    expect(() => build(text, [recipe('c')])).toThrow(/recipe "data\/thing": its catalog entry "c" does not exist/);
  });

  it('hangs recipes below the entries that they run', () => {
    const text = entry('a', 'runnable: true').replace('kind: task', 'kind: task\n  edges: { uses: [b] }');
    const map = build(text + entry('b', 'runnable: true'), [recipe('a')]);
    expect(map.nodes.get('a')?.edges).toEqual([
      { kind: 'uses', from: 'a', to: 'b' },
      { kind: 'runs-as', from: 'a', to: 'recipe-data-thing' },
    ]);
    expect(map.nodes.get('recipe-data-thing')?.kind).toBe('recipe');
    expect(map.incoming.get('b')).toEqual([{ kind: 'uses', from: 'a', to: 'b' }]);
    const { covered, missing } = coverageOf(map);
    expect([covered.map((n) => n.slug), missing.map((n) => n.slug)]).toEqual([['a'], ['b']]);
  });
});

describe('the bundled content', () => {
  it('and the recipes of this repository fit together', async () => {
    const map = buildMap(await readContent(BUNDLED_CONTENT), recipes);
    expect(map.manifests.size).toBe(recipes.length);
    const { covered, missing } = coverageOf(map);
    for (const slug of ['data-cleaning', 'data-sampling', 'quantization'])
      expect(covered.map((n) => n.slug)).toContain(slug);
    // what the map promises and nobody has written yet is said, not hidden
    for (const { recipes: made } of missing) expect(made).toEqual([]);
  });
});
