import type { ColumnType, DatasetFormat, JobContext } from '@strata/contracts';
import { columnIndex, loadColumns, numbersOf, suggestTask, textsOf, trainTestSplit, type Table } from '@strata/data';
import { StrataError } from '@strata/kernel';
import { classesOf, type Classes } from '../../shared/classes.js';
import { mustBePictures } from '../../shared/datasets.js';
import type { FineTuneOnnxParams } from './params.js';
import type { Answered, Source } from './source.js';

/** What the target column holds. */
export type Target = { readonly kind: 'classes'; readonly classes: Classes } | { readonly kind: 'number' };

/** @throws StrataError `unknown_column`, `invalid_input` */
export function taskOf(format: DatasetFormat, p: FineTuneOnnxParams): 'classification' | 'regression' {
  const column = format.columns[columnIndex(format, p.target, 'params.target')];
  if (p.task !== 'auto') return p.task;
  if (column?.type !== 'number') return 'classification';
  return suggestTask(format, p.target).recipe.endsWith('regressor') ? 'regression' : 'classification';
}

/** Rows of an input before their answers are looked at. */
export type Read = Pick<Answered, 'input' | 'path' | 'table'>;

export async function readTable(
  ctx: JobContext,
  input: string,
  source: Source,
  p: FineTuneOnnxParams,
  task: 'classification' | 'regression',
): Promise<Read> {
  const { path, format } = await ctx.dataset(input);
  if (source.kind === 'pictures') mustBePictures(format, `inputs.${input}`);
  const types: Record<string, ColumnType> = {
    ...source.columns,
    [p.target]: task === 'classification' ? 'category' : 'number',
  };
  const table = await loadColumns(path, format, { columns: Object.keys(types), types, signal: ctx.signal });
  return { input, path, table };
}

const allRows = (table: Table): Int32Array => Int32Array.from({ length: table.rows }, (_, i) => i);

/** The classes of the training data, or that the target is a number. */
export function targetOf(table: Table, p: FineTuneOnnxParams, task: 'classification' | 'regression'): Target {
  if (task === 'regression') return { kind: 'number' };
  const cells = textsOf(table, p.target);
  const rows = allRows(table).filter((r) => cells[r] !== null);
  return { kind: 'classes', classes: classesOf(cells, rows, p.target) };
}

/** Rows that have an answer; says how many have none. @throws StrataError `empty_data` */
export function answered(ctx: JobContext, read: Read, target: Target, p: FineTuneOnnxParams): Answered {
  const { input, table } = read;
  const cells = target.kind === 'classes' ? textsOf(table, p.target) : undefined;
  const numbers = target.kind === 'number' ? numbersOf(table, p.target) : undefined;
  const answer = (r: number): number =>
    target.kind === 'classes' ? target.classes.indexOf(cells?.[r] ?? null) : (numbers?.[r] ?? NaN);
  const rows = allRows(table).filter((r) => answer(r) >= 0 || (numbers !== undefined && !Number.isNaN(answer(r))));
  if (rows.length === 0)
    throw new StrataError(
      'empty_data',
      `no row of "${input}" has a value in the target column "${p.target}" that can be learned.`,
      {
        where: { column: p.target },
      },
    );
  if (rows.length < table.rows)
    ctx.log.warn({}, `${table.rows - rows.length} rows of "${input}" have no usable "${p.target}" and are left out`);
  return { ...read, rows, answers: Float64Array.from(rows, answer) };
}

const part = (data: Answered, at: Int32Array): Answered => ({
  ...data,
  rows: at.map((i) => data.rows[i] as number),
  answers: Float64Array.from(at, (i) => data.answers[i] as number),
});

/** Fewer rows than this give a validation set that says nothing. */
const FEWEST = 40;

/** Keeps a share of the rows, of each class the same, for validation. */
export function hold(
  data: Answered,
  target: Target,
  p: FineTuneOnnxParams,
  seed: number,
): { readonly train: Answered; readonly valid: Answered | undefined } {
  if (p.validation_fraction === 0 || data.rows.length < FEWEST) return { train: data, valid: undefined };
  const split = trainTestSplit(data.rows.length, {
    testFraction: p.validation_fraction,
    seed,
    ...(target.kind === 'classes' ? { labels: [...data.answers] } : {}),
  });
  return { train: part(data, split.train), valid: part(data, split.test) };
}
