import { describe, expect, it } from '@jest/globals';
import { defineRecipe, type RecipeDefinition } from '@strata/contracts';
import { z } from 'zod';
import { createRegistry, nearest } from './registry.js';

const recipe = (name: string): RecipeDefinition =>
  defineRecipe({
    name,
    version: 1,
    queue: 'train',
    title: { en: 'T', zh: '题' },
    summary: { en: 'S', zh: '要' },
    catalog: ['data-preparation'],
    params: z.strictObject({}),
    inputs: {},
    outputs: {},
    resumable: false,
    smoke: { params: {}, inputs: {} },
    run: () => Promise.resolve({ run: () => Promise.resolve({}) }),
  });
const at = (folder: string, name = folder, file = `${folder.split('/')[1]}.recipe.ts`) => ({
  folder,
  file,
  recipe: recipe(name),
});
const failure = (f: () => unknown): unknown => {
  try {
    return f();
  } catch (e) {
    return e;
  }
};

describe('createRegistry', () => {
  it('sorts by name and finds by name', () => {
    const { recipes, getRecipe } = createRegistry([at('b/x'), at('a/y')]);
    expect(recipes.map((r) => r.name)).toEqual(['a/y', 'b/x']);
    expect(getRecipe('b/x').name).toBe('b/x');
  });
  it('stops the start when a name is there twice, and says what to do', () => {
    const e = failure(() => createRegistry([at('a/x'), at('a/y', 'a/x')]));
    expect(e).toMatchObject({ code: 'recipe_definition' });
    expect((e as Error).message).toBe(
      'libs/recipes/src/a/y/y.recipe.ts: the name "a/x" is taken by libs/recipes/src/a/x/x.recipe.ts. Give it the name "a/y".',
    );
  });
  it('stops the start when folder or file differ from the name', () => {
    expect(failure(() => createRegistry([at('a/y', 'a/z')]))).toMatchObject({
      code: 'recipe_definition',
      message:
        'libs/recipes/src/a/y/y.recipe.ts: its name is "a/z" and its folder "a/y". Rename one of them: they must be the same.',
    });
    expect(failure(() => createRegistry([at('a/y', 'a/y', 'why.recipe.ts')]))).toMatchObject({
      code: 'recipe_definition',
      message: expect.stringMatching(/must be called y\.recipe\.ts/),
    });
  });
  it('offers the nearest names', () => {
    const { getRecipe } = createRegistry([
      at('data/clean'),
      at('data/balance'),
      at('language/text-classifier'),
      at('data/split'),
    ]);
    const e = failure(() => getRecipe('data/claen'));
    expect(e).toMatchObject({ code: 'unknown_recipe' });
    expect((e as Error).message).toMatch(/no recipe "data\/claen"\. The nearest names: data\/clean, /);
  });
});

describe('nearest', () => {
  const names = [
    'classical/tabular-classifier',
    'classical/tabular-regressor',
    'compress/quantize-dynamic',
    'language/text-classifier',
  ];
  it('understands slips, other groups and parts of a name', () => {
    expect(nearest('clasical/tabular-clasifier', names)[0]).toBe('classical/tabular-classifier');
    expect(nearest('text-classifier', names)[0]).toBe('language/text-classifier');
    expect(nearest('nlp/text-classifier', names)[0]).toBe('language/text-classifier');
    expect(nearest('quantize', names)[0]).toBe('compress/quantize-dynamic');
  });
});
