import { describe, expect, it } from '@jest/globals';
import { manifestOf } from '@strata/contracts';
import { z } from 'zod';
import { UsageError } from './errors.js';
import { coerce, flagsOf, kindOf, pairs, type ParamsSchema } from './flags.js';

// a schema as the gateway serves it
const params = z.strictObject({
  target: z.string().min(1).describe('Column to predict'),
  max_iter: z.number().int().min(1).nullable().default(null).describe('Epochs'),
  alpha: z.number().default(0.01),
  solver: z.enum(['adam', 'sgd']).default('adam'),
  early_stopping: z.boolean().default(true),
  hidden_layer_sizes: z.array(z.number().int()).default([128, 64]),
  columns: z.array(z.string()).default([]),
  word_ngrams: z.tuple([z.number().int(), z.number().int()]).default([1, 2]),
  types: z.record(z.string(), z.enum(['number', 'text'])).default({}),
});
const schema = manifestOf({
  name: 'test/flags',
  version: 1,
  queue: 'train',
  title: { en: '', zh: '' },
  summary: { en: '', zh: '' },
  catalog: [],
  params,
  inputs: {},
  outputs: {},
  resumable: false,
  smoke: { params: {}, inputs: {} },
  run: () => Promise.reject(new Error('not run here')),
} as Parameters<typeof manifestOf>[0]).params as ParamsSchema;
const flag = (param: string) => {
  const found = flagsOf(schema).find((f) => f.param === param);
  if (!found) throw new Error(`no flag for ${param}`);
  return found;
};
const value = (param: string, raw: string): unknown => coerce(flag(param).flag, flag(param).schema, raw);
const refusal = (run: () => unknown): string => {
  try {
    run();
  } catch (e) {
    if (e instanceof UsageError) return `${e.key} ${String(e.values.wanted ?? '')}`.trim();
    throw e;
  }
  return 'accepted';
};

describe('flags of a recipe', () => {
  it('are named after its parameters, and know which are required', () => {
    expect(flagsOf(schema).map((f) => f.flag)).toContain('hidden-layer-sizes');
    expect(
      flagsOf(schema)
        .filter((f) => f.required)
        .map((f) => f.param),
    ).toEqual(['target']);
    expect(kindOf(flag('max_iter').schema)).toBe('integer|null');
    expect(kindOf(flag('solver').schema)).toBe('adam|sgd');
    expect(kindOf(flag('hidden_layer_sizes').schema)).toBe('integer[]');
  });

  it('become values of the type that the schema wants, and the schema accepts them', () => {
    const given = {
      target: value('target', '007'),
      max_iter: value('max_iter', '12'),
      alpha: value('alpha', '1e-3'),
      solver: value('solver', 'sgd'),
      early_stopping: value('early_stopping', 'false'),
      hidden_layer_sizes: value('hidden_layer_sizes', '64,32'),
      columns: value('columns', '"a,b",c'),
      word_ngrams: value('word_ngrams', '1,3'),
      types: value('types', 'age=number,name=text'),
    };
    expect(given).toEqual({
      target: '007',
      max_iter: 12,
      alpha: 0.001,
      solver: 'sgd',
      early_stopping: false,
      hidden_layer_sizes: [64, 32],
      columns: ['a,b', 'c'],
      word_ngrams: [1, 3],
      types: { age: 'number', name: 'text' },
    });
    expect(params.safeParse(given).success).toBe(true);
  });

  it('take null and JSON', () => {
    expect(value('max_iter', 'null')).toBeNull();
    expect(value('hidden_layer_sizes', '[8]')).toEqual([8]);
    expect(value('types', '{"a":"text"}')).toEqual({ a: 'text' });
  });

  it('say what is wrong with a value', () => {
    expect(refusal(() => value('max_iter', '1.5'))).toBe('u_value u_integer');
    expect(refusal(() => value('alpha', 'much'))).toBe('u_value u_number');
    expect(refusal(() => value('alpha', ''))).toBe('u_value u_number');
    expect(refusal(() => value('solver', 'lbfgs'))).toBe('u_value u_one_of');
    expect(refusal(() => value('early_stopping', 'perhaps'))).toBe('u_value u_boolean');
    expect(refusal(() => value('hidden_layer_sizes', '[8'))).toBe('u_value u_json');
    expect(refusal(() => pairs('input', ['train']))).toBe('u_pair');
  });

  it('keep an equals sign in a value', () => {
    expect(pairs('meta', ['q=a=b'])).toEqual({ q: 'a=b' });
  });
});
