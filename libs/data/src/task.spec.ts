import { describe, expect, it } from '@jest/globals';
import type { Column, DatasetFormat } from '@strata/contracts';
import { suggestTask } from './task.js';

const column = (name: string, type: Column['type'], distinct: number, examples: string[] = ['1', '2']): Column => ({
  name,
  type,
  distinct,
  missing: 0,
  examples,
  ...(type === 'number' ? { min: 0, max: 9, mean: 4 } : {}),
});
const format = (...columns: Column[]): DatasetFormat => ({
  format: 'csv',
  delimiter: ',',
  header: true,
  columns,
  rows: 1000,
  missing_values: [''],
});

describe('suggestTask', () => {
  const age = column('age', 'number', 70);
  const colour = column('colour', 'category', 4, ['red', 'blue']);
  const words = column('words', 'text', 990, ['a long text about something']);
  const key = column('id', 'id', 1000);

  it('classes from a table, from a text; quantities', () => {
    expect(suggestTask(format(age, key, colour), 'colour')).toMatchObject({
      task: 'tabular-classification',
      recipe: 'classical/tabular-classifier',
      text_column: null,
    });
    expect(suggestTask(format(words, colour, age), 'colour')).toMatchObject({
      task: 'text-classification',
      text_column: 'words',
    });
    expect(suggestTask(format(age, colour), 'age')).toMatchObject({ task: 'tabular-regression' });
  });
  it('few whole numbers are classes, few fractions are not', () => {
    expect(suggestTask(format(column('grade', 'number', 5, ['1', '2', '3']), age), 'grade').task).toBe(
      'tabular-classification',
    );
    expect(suggestTask(format(column('rate', 'number', 5, ['0.1', '0.2']), age), 'rate').task).toBe(
      'tabular-regression',
    );
  });
  it('classes of pictures are learned from the pictures', () => {
    const pictures = format(column('image', 'text', 60), column('label', 'category', 3));
    expect(suggestTask({ ...pictures, format: 'images' }, 'label')).toMatchObject({
      task: 'image-classification',
      recipe: 'vision/image-classifier',
    });
  });
  it('says why in both languages', () => {
    const { reason } = suggestTask(format(words, colour), 'colour');
    expect(reason.en).toMatch(/"colour" has 4 classes and "words" holds free text/);
    expect(reason.zh).toMatch(/“colour”有 4 个类别，“words”是自由文本/);
  });
  it('refuses what cannot be learned, listing what there is', () => {
    expect(() => suggestTask(format(age, colour), 'size')).toThrow(
      'the data has no column "size". Its columns: "age", "colour".',
    );
    expect(() => suggestTask(format(age, words), 'words')).toThrow(/too many for classes/);
    expect(() => suggestTask(format(age, words), 'age')).toThrow(/only free text is left/);
    expect(() => suggestTask(format(key, colour), 'colour')).toThrow(/no column is left/);
    expect(() => suggestTask(format(age, column('same', 'category', 1)), 'same')).toThrow(/nothing to learn/);
  });
});
