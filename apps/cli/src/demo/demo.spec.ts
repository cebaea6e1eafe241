import { spawnSync } from 'node:child_process';
import { describe, expect, it } from '@jest/globals';
import { CreatePipeline, type TaskSuggestion } from '@strata/contracts';
import { UsageError } from '../errors.js';
import { columnOf, curlLine, modelNameOf } from './demo.js';
import { pipelineOf } from './pipeline.js';

const suggestion: TaskSuggestion = {
  target: 'label',
  task: 'text-classification',
  recipe: 'language/text-classifier',
  text_column: 'text',
  reason: { en: '', zh: '' },
};
const plan = { suggestion, dataset: 'ds_1', test: undefined, model: 'm', seed: 1 };

describe('the target column', () => {
  it('is a name, or a number from 1, or from the end', () => {
    const columns = ['a', 'b', '1'];
    expect(columnOf(columns, 'b')).toBe('b');
    expect(columnOf(columns, '2')).toBe('b');
    expect(columnOf(columns, '1')).toBe('1'); // a column of that name comes first
    expect(columnOf(['x', 'y'], '-1')).toBe('y');
    for (const wrong of ['0', '9', 'c', undefined]) expect(() => columnOf(['x', 'y'], wrong)).toThrow(UsageError);
  });
});

describe('the pipeline', () => {
  it.each([
    ['with a part of the data held back', plan],
    ['with a test file', { ...plan, test: 'ds_2' }],
    ['for numbers', { ...plan, suggestion: { ...suggestion, task: 'tabular-regression' as const, text_column: null } }],
  ])('%s is one that the API takes, and refers only to steps that it has', (_what, p) => {
    const body = pipelineOf(p);
    const parsed = CreatePipeline.parse(body);
    for (const step of Object.values(parsed.steps))
      for (const ref of Object.values(step.inputs))
        if (typeof ref === 'object') expect(Object.keys(parsed.steps)).toContain(ref.job);
    expect(parsed.steps.after?.inputs.model).toEqual({ job: 'compress', output: 'model' });
  });

  it('keeps the shares of classes in the split, not of quantities', () => {
    expect(pipelineOf(plan).steps.split?.params).toEqual({ test_size: 0.2, stratify: 'label' });
    const numbers = { ...plan, suggestion: { ...suggestion, task: 'tabular-regression' as const } };
    expect(pipelineOf(numbers).steps.split?.params).toEqual({ test_size: 0.2 });
  });
});

describe('names and lines to paste', () => {
  it('makes a model name of a file name', () => {
    expect(['/x/adult.data.gz', 'SMS Spam.tsv', '数据.csv', '_a.csv'].map(modelNameOf)).toEqual([
      'adult',
      'SMS-Spam',
      'demo',
      'a',
    ]);
  });

  it('survives the shell, whatever stands in the row', () => {
    const input = { text: `it's "$HOME" \`id\` \\ 中文` };
    const line = curlLine('http://h/p', '$STRATA_KEY', input).replace(/^curl/, 'printf "%s\\n"');
    const words = spawnSync('sh', ['-c', line], { encoding: 'utf8', env: { STRATA_KEY: 'sk' } })
      .stdout.trim()
      .split('\n');
    expect(JSON.parse(words.at(-1) ?? '')).toEqual({ inputs: [input] });
    expect(words).toContain('authorization: Bearer sk');
  });
});
