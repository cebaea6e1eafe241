import type { Column, DatasetFormat, TaskSuggestion } from '@strata/contracts';
import { StrataError } from '@strata/kernel';
import { columnIndex } from './columns.js';

/** A numeric target with at most this many values, all whole, is a class rather than a quantity. */
const CLASS_VALUES = 20;
/** More classes than this cannot be learned from a file; the column is text or an identifier. */
const CLASSES_MOST = 1000;

function isQuantity(column: Column, rows: number): boolean {
  if (column.type !== 'number') return false;
  if (column.distinct > CLASS_VALUES) return true;
  const whole = column.examples.every((e) => Number.isInteger(Number(e)));
  // few rows with as many values: nothing repeats enough to be a class
  return !whole || column.distinct > Math.max(2, rows / 3);
}

/** The text to learn from: the longest-winded free-text column, when no column of numbers or classes speaks beside it. */
function textColumn(format: DatasetFormat, target: string): Column | undefined {
  const mean = (c: Column): number => c.examples.reduce((s, e) => s + e.length, 0) / Math.max(1, c.examples.length);
  return format.columns.filter((c) => c.name !== target && c.type === 'text').sort((a, b) => mean(b) - mean(a))[0];
}

/**
 * Which recipe learns `target` from such a file, and why.
 * @throws StrataError `unknown_column` listing the columns; `invalid_input` when the target cannot be learned or nothing is left to learn from
 */
export function suggestTask(format: DatasetFormat, target: string): TaskSuggestion {
  const column = format.columns[columnIndex(format, target, 'target')] as Column;
  const where = { field: 'target', column: target };
  if (column.type === 'empty' || column.distinct < 2)
    throw new StrataError(
      'invalid_input',
      `column "${target}" has ${column.distinct} distinct value(s): there is nothing to learn.`,
      {
        where,
      },
    );
  if (format.format === 'images' && target === 'label')
    return {
      target,
      task: 'image-classification',
      recipe: 'vision/image-classifier',
      text_column: null,
      reason: {
        en: `The data are pictures of ${column.distinct} classes, so the class is learned from the picture.`,
        zh: `数据是 ${column.distinct} 个类别的图片，因此从图片学习类别。`,
      },
    };
  const features = format.columns.filter((c) => c.name !== target && c.type !== 'id' && c.type !== 'empty');
  if (features.length === 0)
    throw new StrataError(
      'invalid_input',
      `no column is left to predict "${target}" from: the others are identifiers or empty.`,
      {
        where,
      },
    );
  const quantity = isQuantity(column, format.rows);
  const text = textColumn(format, target);
  if (quantity && features.every((c) => c.type === 'text'))
    throw new StrataError(
      'invalid_input',
      `"${target}" is a quantity and only free text is left to predict it from; there is no recipe for that. Choose a column of classes as the target.`,
      { where },
    );
  if (quantity)
    return {
      target,
      task: 'tabular-regression',
      recipe: 'classical/tabular-regressor',
      text_column: null,
      reason: {
        en: `"${target}" is a quantity (${column.distinct} different numbers from ${column.min} to ${column.max}), so it is predicted as a number.`,
        zh: `“${target}”是数量（${column.distinct} 个不同的数，从 ${column.min} 到 ${column.max}），因此作为数值预测。`,
      },
    };
  if (column.type === 'text' || column.type === 'id' || column.distinct > CLASSES_MOST)
    throw new StrataError(
      'invalid_input',
      `column "${target}" has ${column.distinct} distinct values in ${format.rows} rows (${column.type}): too many for classes. Choose a column whose values repeat.`,
      { where },
    );
  const numbers = features.filter((c) => c.type === 'number').length;
  // free text decides unless the table has more to say in numbers than in words
  if (text && numbers <= 2)
    return {
      target,
      task: 'text-classification',
      recipe: 'language/text-classifier',
      text_column: text.name,
      reason: {
        en: `"${target}" has ${column.distinct} classes and "${text.name}" holds free text, so the class is learned from the text.`,
        zh: `“${target}”有 ${column.distinct} 个类别，“${text.name}”是自由文本，因此从文本学习类别。`,
      },
    };
  return {
    target,
    task: 'tabular-classification',
    recipe: 'classical/tabular-classifier',
    text_column: null,
    reason: {
      en: `"${target}" has ${column.distinct} classes, learned from ${features.length} columns (${numbers} of them numbers).`,
      zh: `“${target}”有 ${column.distinct} 个类别，从 ${features.length} 列（其中 ${numbers} 列为数值）学习。`,
    },
  };
}
