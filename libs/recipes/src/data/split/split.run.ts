import { join } from 'node:path';
import type { JobContext } from '@strata/contracts';
import { columnIndex, csvWriter, trainTestSplit, type Cell } from '@strata/data';
import { StrataError } from '@strata/kernel';
import { countBy, describeWritten, readColumn, rowsOf } from '../../shared/datasets.js';

export interface SplitParams {
  readonly test_size: number;
  readonly stratify: string;
}

export async function run(ctx: JobContext, params: SplitParams): Promise<Record<string, unknown>> {
  const data = await ctx.dataset('data');
  const { format } = data;
  let labels: Cell[] | undefined;
  if (params.stratify !== '') {
    const index = columnIndex(format, params.stratify, 'params.stratify');
    labels = await readColumn(ctx, data, index);
    const classes = countBy(labels).size;
    if (classes > format.rows / 2)
      throw new StrataError(
        'invalid_parameter',
        `column "${params.stratify}" has ${classes} different values in ${format.rows} rows, so its classes cannot keep their share. Leave stratify empty.`,
        { where: { field: 'params.stratify', column: params.stratify } },
      );
  }
  const { test } = trainTestSplit(format.rows, {
    testFraction: params.test_size,
    seed: ctx.seed,
    ...(labels ? { labels } : {}),
  });
  const held = new Uint8Array(format.rows);
  for (const row of test) held[row] = 1;

  const names = format.columns.map((c) => c.name);
  const paths = { train: join(ctx.workDir, 'train.csv'), test: join(ctx.workDir, 'test.csv') };
  const writers = { train: csvWriter(paths.train, names), test: csvWriter(paths.test, names) };
  for await (const { rows, start } of rowsOf(ctx, data)) {
    for (const [i, row] of rows.entries()) await (held[start + i] ? writers.test : writers.train).write(row);
    ctx.progress({ step: start + rows.length, total: format.rows });
  }
  const report: Record<string, unknown> = {};
  for (const part of ['train', 'test'] as const) {
    await writers[part].close();
    await ctx.output.dataset(part, paths[part], await describeWritten(ctx, paths[part], format));
    const flag = part === 'test' ? 1 : 0;
    report[part] = {
      rows: writers[part].rows,
      ...(labels ? { classes: Object.fromEntries(countBy(labels.filter((_, i) => held[i] === flag))) } : {}),
    };
  }
  await ctx.output.report('report', report);
  return { train_rows: writers.train.rows, test_rows: writers.test.rows };
}
