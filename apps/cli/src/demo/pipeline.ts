import type { CreatePipeline, TaskSuggestion } from '@strata/contracts';
import type { MessageKey } from '../messages.js';

/** Steps of the demo in the order in which they are shown. */
export const STEPS = {
  clean: 'd_step_clean',
  clean_test: 'd_step_clean_test',
  split: 'd_step_split',
  train: 'd_step_train',
  compress: 'd_step_compress',
  before: 'd_step_before',
  after: 'd_step_after',
} as const satisfies Record<string, MessageKey>;
export type Step = keyof typeof STEPS;
export const isStep = (name: string): name is Step => Object.hasOwn(STEPS, name);

export interface Plan {
  readonly suggestion: TaskSuggestion;
  readonly dataset: string;
  /** Rows to judge on, when they come in a file of their own. */
  readonly test: string | undefined;
  readonly model: string;
  readonly seed: number;
}

type PipelineBody = { name: string; steps: Partial<Record<Step, Partial<CreatePipeline['steps'][string]>>> };

/** From raw data to a judged int8 model: one graph of jobs, sent in one request. */
export function pipelineOf({ suggestion, dataset, test, model, seed }: Plan): PipelineBody {
  const { target, recipe, task, text_column } = suggestion;
  const text = text_column ? { text_column } : {};
  const clean = { recipe: 'data/clean', params: { target }, seed };
  const rows = test ? { job: 'clean', output: 'data' } : { job: 'split', output: 'train' };
  const held = test ? { job: 'clean_test', output: 'data' } : { job: 'split', output: 'test' };
  const stratify = task === 'tabular-regression' ? {} : { stratify: target };
  const evaluate = (of: Step) => ({
    recipe: 'inference/evaluate',
    params: { target, ...text },
    inputs: { model: { job: of, output: 'model' }, data: held },
    seed,
  });
  return {
    name: `demo-${model}`,
    steps: {
      clean: { ...clean, inputs: { data: dataset } },
      ...(test
        ? // a row of the test file stays a row, though it may occur twice
          { clean_test: { ...clean, params: { target, drop_duplicates: false }, inputs: { data: test } } }
        : {
            split: {
              recipe: 'data/split',
              params: { test_size: 0.2, ...stratify },
              inputs: { data: { job: 'clean', output: 'data' } },
              seed,
            },
          }),
      train: { recipe, params: { target, ...text }, inputs: { train: rows }, register: { model }, seed },
      compress: {
        recipe: 'compress/quantize-dynamic',
        params: text,
        inputs: { model: { job: 'train', output: 'model' }, data: rows },
        register: { model },
        seed,
      },
      before: evaluate('train'),
      after: evaluate('compress'),
    },
  };
}
