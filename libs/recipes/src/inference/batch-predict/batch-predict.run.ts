import { join } from 'node:path';
import type { DatasetFormat, JobContext, ModelManifest, Prediction } from '@strata/contracts';
import { csvWriter, type WritableCell } from '@strata/data';
import { StrataError } from '@strata/kernel';
import { openModel } from '@strata/serving';
import { describeWritten } from '../../shared/datasets.js';
import { batchesOf, rowSource } from '../../shared/model-rows.js';

export interface BatchPredictParams {
  readonly text_column: string;
  readonly prediction_column: string;
  readonly probabilities: boolean;
  readonly batch_size: number;
}

/** Tasks of which each row has an answer. */
const PREDICTS = new Set<ModelManifest['task']>(['classification', 'regression', 'token-classification']);

/** The columns that are appended. @throws StrataError `invalid_parameter` when the data has one of them already */
function appended(manifest: ModelManifest, format: DatasetFormat, params: BatchPredictParams): string[] {
  const base = params.prediction_column;
  const classes = manifest.task === 'classification' ? (manifest.labels ?? []) : [];
  const names = [
    base,
    ...(manifest.task === 'classification' ? [`${base}_probability`] : []),
    ...(params.probabilities ? classes.map((label) => `${base}_probability_${label}`) : []),
  ];
  const taken = names.find((n) => format.columns.some((c) => c.name === n));
  if (taken !== undefined)
    throw new StrataError(
      'invalid_parameter',
      `the data has a column "${taken}" already. Choose another prediction_column.`,
      { where: { field: 'params.prediction_column', column: taken } },
    );
  return names;
}

function cellsOf(prediction: Prediction, labels: readonly string[], all: boolean): WritableCell[] {
  if ('value' in prediction) return [prediction.value];
  if ('tags' in prediction) return [prediction.tags.map((t) => t.label).join(' ')];
  return [
    prediction.label,
    prediction.probability,
    ...(all ? labels.map((label) => prediction.probabilities[label] ?? 0) : []),
  ];
}

export async function run(ctx: JobContext, params: BatchPredictParams): Promise<Record<string, unknown>> {
  const model = await ctx.model('model');
  const data = await ctx.dataset('data');
  const { manifest } = model;
  if (!PREDICTS.has(manifest.task))
    throw new StrataError(
      'invalid_model',
      `only classifiers, taggers and regressors give one prediction for each row, and this model is for "${manifest.task}".`,
    );
  const added = appended(manifest, data.format, params);
  const source = await rowSource(model, data, params.text_column);
  const path = join(ctx.workDir, 'data.csv');
  const names = [...data.format.columns.map((c) => c.name), ...added];
  const writer = csvWriter(path, names);
  const counts: Record<string, number> = Object.create(null) as Record<string, number>;
  const range = { min: Infinity, max: -Infinity, sum: 0 };
  let computeMs = 0;
  const predictor = await openModel(model.dir, { threads: ctx.threads });
  try {
    for await (const batch of batchesOf(ctx, data, params.batch_size)) {
      const rows = await source.rows(batch.rows, batch.start);
      const began = performance.now();
      const predictions = await predictor.predict(rows, batch.start + 1);
      computeMs += performance.now() - began;
      for (const [i, prediction] of predictions.entries()) {
        if ('value' in prediction) {
          range.min = Math.min(range.min, prediction.value);
          range.max = Math.max(range.max, prediction.value);
          range.sum += prediction.value;
        } else if ('tags' in prediction)
          for (const { label } of prediction.tags) counts[label] = (counts[label] ?? 0) + 1;
        else counts[prediction.label] = (counts[prediction.label] ?? 0) + 1;
        await writer.write([
          ...(batch.rows[i] ?? []),
          ...cellsOf(prediction, manifest.labels ?? [], params.probabilities),
        ]);
      }
      ctx.progress({ step: batch.start + batch.rows.length, total: data.format.rows });
    }
  } finally {
    source.close();
    await predictor.close();
  }
  await writer.close();
  const classes = manifest.task !== 'regression';
  const type = { classification: 'category', 'token-classification': 'text', regression: 'number' } as const;
  const types = { [params.prediction_column]: type[manifest.task as keyof typeof type] };
  await ctx.output.dataset('data', path, await describeWritten(ctx, path, data.format, types, names));
  const rows = writer.rows;
  await ctx.output.report('report', {
    rows,
    columns_added: added,
    ...(classes ? { predicted: counts } : { predicted: { min: range.min, max: range.max, mean: range.sum / rows } }),
    compute_ms: computeMs,
    rows_per_s: rows / (computeMs / 1000),
  });
  return { rows, compute_ms: computeMs };
}
