import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { defineRecipe, manifestOf, parseParams, RecipeManifest, type RecipeDefinition } from './recipe.js';
import { ENDED, JOB_STATES, TRANSITIONS } from './jobs.js';

const text = { en: 'x', zh: '甲' };
const params = z.object({
  target: z.string().describe('column to predict'),
  max_iter: z.number().int().min(1).default(20).describe('epochs'),
  solver: z.enum(['adam', 'sgd']).default('adam').describe('optimiser'),
});
const definition = {
  name: 'classical/example',
  version: 1,
  queue: 'train',
  title: text,
  summary: text,
  catalog: ['dnn'],
  params,
  inputs: { train: { kind: 'dataset', description: text } },
  outputs: { model: { kind: 'model', description: text } },
  resumable: true,
  smoke: { params: { target: 'y' }, inputs: { train: { dataset: () => 'x,y\n1,a\n', format: 'csv' } } },
  run: async () => ({ run: async () => ({}) }),
} satisfies RecipeDefinition<typeof params>;

describe('defineRecipe', () => {
  it('refuses a wrong name, bad smoke parameters and missing smoke inputs, each with the mend', () => {
    expect(() => defineRecipe({ ...definition, name: 'Example' })).toThrow(/group\/name in lower case/);
    expect(() => defineRecipe({ ...definition, smoke: { ...definition.smoke, params: {} } })).toThrow(/smoke\.params/);
    expect(() => defineRecipe({ ...definition, smoke: { params: { target: 'y' }, inputs: {} } })).toThrow(
      /gives no input "train"/,
    );
  });
});

describe('parseParams', () => {
  it('fills defaults', () => {
    expect(parseParams(definition, { target: 'y' })).toEqual({ target: 'y', max_iter: 20, solver: 'adam' });
  });
  it.each([
    [{ target: 'y', max_itr: 3 }, 'params.max_itr', /has no parameter "max_itr".*max_iter/],
    [{ target: 'y', max_iter: 0 }, 'params.max_iter', /max_iter/],
    [{}, 'params.target', /target/],
    [{ target: 'y', solver: 'lbfgs' }, 'params.solver', /adam/],
    [7, 'params.', /recipe classical\/example/],
  ])('%j names the field', (given, field, message) => {
    let error: unknown;
    try {
      parseParams(definition, given);
    } catch (e) {
      error = e;
    }
    expect(error).toMatchObject({
      code: 'invalid_parameter',
      where: { field },
      message: expect.stringMatching(message),
    });
  });
});

describe('manifestOf', () => {
  it('is JSON that its own schema accepts, with a JSON Schema of the parameters', () => {
    const m = RecipeManifest.parse(JSON.parse(JSON.stringify(manifestOf(definition))));
    expect(m.params).toMatchObject({
      type: 'object',
      required: ['target'],
      properties: { max_iter: { type: 'integer', default: 20, minimum: 1, description: 'epochs' } },
    });
    expect(m.inputs).toEqual({ train: { kind: 'dataset', optional: false, description: text } });
  });
});

describe('job states', () => {
  it('let every unended state reach an end, and nothing leave success', () => {
    for (const s of JOB_STATES) {
      const seen = new Set([s]);
      for (const at of seen) for (const next of TRANSITIONS[at]) seen.add(next);
      if (!ENDED.has(s)) expect(seen).toContain('succeeded');
    }
    expect(TRANSITIONS.succeeded).toEqual([]);
  });
});
