import type { DatasetHandle, JobContext, ModelHandle, ModelManifest, Prediction } from '@strata/contracts';
import { columnIndex, parseNumber, quoteList, type Cell } from '@strata/data';
import { StrataError } from '@strata/kernel';
import { openModel, type Predictor, type Row } from '@strata/serving';
import {
  argmaxRows,
  classificationMetrics,
  confusionMatrix,
  precisionRecallF1,
  regressionMetrics,
} from '@strata/training';
import { batchesOf, folderBytes, percentile, rowSource } from '../../shared/model-rows.js';
import type { Judge } from './judge.js';
import { tagJudge } from './tag-judge.js';

export interface EvaluateParams {
  readonly target: string;
  readonly text_column: string;
  readonly batch_size: number;
  readonly latency_rows: number;
}

/** A class of the data as the model names it: `2.0` is `2`. */
function canonical(truth: string, index: ReadonlyMap<string, number>): string {
  const value = parseNumber(truth);
  return !index.has(truth) && !Number.isNaN(value) && index.has(String(value)) ? String(value) : truth;
}

function classJudge(labels: readonly string[]): Judge {
  const index = new Map(labels.map((l, i) => [l, i]));
  const classes = [...labels];
  const truths: number[] = [];
  const rows: Float32Array[] = [];
  let unseen = 0;
  let firstUnseen: { label: string; line: number } | undefined;
  return {
    add(truth, prediction, line) {
      if (!('probabilities' in prediction))
        throw new StrataError('invalid_model', 'the model calls itself a classifier and gives numbers');
      const label = canonical(truth, index);
      let k = index.get(label);
      if (k === undefined) {
        k = classes.push(label) - 1;
        index.set(label, k);
      }
      if (k >= labels.length) {
        unseen++;
        firstUnseen ??= { label, line };
      }
      truths.push(k);
      rows.push(Float32Array.from(labels, (l) => prediction.probabilities[l] ?? 0));
    },
    figures() {
      if (firstUnseen && unseen > truths.length / 2)
        throw new StrataError(
          'invalid_data',
          `line ${firstUnseen.line}: "${firstUnseen.label}" is none of the model's classes (${quoteList(labels)}), and so for ${unseen} of ${truths.length} rows. Clean the data in the same way as the training data (data/clean), or choose another target.`,
          { where: { line: firstUnseen.line } },
        );
      // a class that the model does not know has probability 0
      const width = classes.length;
      const probabilities = new Float32Array(rows.length * width);
      for (const [i, row] of rows.entries()) probabilities.set(row, i * width);
      const matrix = confusionMatrix(truths, argmaxRows(probabilities, width), width);
      const scores = precisionRecallF1(matrix);
      return {
        metrics: classificationMetrics(truths, probabilities, width),
        detail: {
          classes,
          confusion_matrix: matrix,
          per_class: Object.fromEntries(classes.map((c, i) => [c, scores[i]])),
          rows_of_unseen_classes: unseen,
        },
      };
    },
  };
}

function valueJudge(target: string): Judge {
  const truths: number[] = [];
  const values: number[] = [];
  return {
    add(truth, prediction, line) {
      if (!('value' in prediction))
        throw new StrataError('invalid_model', 'the model calls itself a regressor and gives classes');
      const value = parseNumber(truth);
      if (Number.isNaN(value))
        throw new StrataError(
          'invalid_data',
          `line ${line}, column "${target}": "${truth.slice(0, 40)}" is not a number.`,
          {
            where: { line, column: target },
          },
        );
      truths.push(value);
      values.push(prediction.value);
    },
    figures: () => ({ metrics: regressionMetrics(truths, values), detail: {} }),
  };
}

const JUDGES: Partial<Record<ModelManifest['task'], (labels: readonly string[], target: string) => Judge>> = {
  classification: classJudge,
  regression: (_labels, target) => valueJudge(target),
  'token-classification': tagJudge,
};

function targetOf(model: ModelHandle, data: DatasetHandle, asked: string): { name: string; index: number } {
  const name = asked === '' ? model.manifest.target : asked;
  if (name === null)
    throw new StrataError('invalid_parameter', 'the model does not say which column it predicts: name it in target.', {
      where: { field: 'params.target' },
    });
  return { name, index: columnIndex(data.format, name, 'params.target') };
}

/** Milliseconds of calls with one row each, after a few that warm the session up. */
async function singleRowLatency(predictor: Predictor, rows: readonly Row[], calls: number): Promise<number[]> {
  const times: number[] = [];
  const warm = Math.min(5, calls);
  for (let i = -warm; i < calls && rows.length > 0; i++) {
    const row = rows[(i + warm) % rows.length] as Row;
    const began = performance.now();
    await predictor.predict([row]);
    if (i >= 0) times.push(performance.now() - began);
  }
  return times;
}

export async function run(ctx: JobContext, params: EvaluateParams): Promise<Record<string, unknown>> {
  const model = await ctx.model('model');
  const data = await ctx.dataset('data');
  const { manifest } = model;
  const judgeOf = JUDGES[manifest.task];
  if (!judgeOf)
    throw new StrataError(
      'invalid_model',
      `only classifiers, taggers and regressors can be evaluated, and this model is for "${manifest.task}".`,
    );
  const target = targetOf(model, data, params.target);
  const source = await rowSource(model, data, params.text_column);
  const judge = judgeOf(manifest.labels ?? [], target.name);
  const predictor = await openModel(model.dir, { threads: ctx.threads });
  const perRow: number[] = [];
  const sample: Row[] = [];
  let judged = 0;
  let skipped = 0;
  let times: number[];
  try {
    for await (const batch of batchesOf(ctx, data, params.batch_size)) {
      const known: { row: Row; truth: string; line: number }[] = [];
      const rows = await source.rows(batch.rows, batch.start);
      for (const [i, cells] of batch.rows.entries()) {
        const truth: Cell = cells[target.index] ?? null;
        if (truth === null) skipped++;
        else known.push({ row: rows[i] ?? '', truth, line: batch.lines[i] ?? 0 });
      }
      const inputs = known.map((k) => k.row);
      const began = performance.now();
      const predictions = await predictor.predict(inputs, batch.start + 1);
      if (inputs.length > 0) perRow.push((performance.now() - began) / inputs.length);
      for (const [i, k] of known.entries()) judge.add(k.truth, predictions[i] as Prediction, k.line);
      for (const row of inputs) if (sample.length < params.latency_rows) sample.push(row);
      judged += known.length;
      ctx.progress({ step: batch.start + batch.rows.length, total: data.format.rows });
    }
    times = await singleRowLatency(predictor, sample, params.latency_rows);
  } finally {
    source.close();
    await predictor.close();
  }
  if (judged === 0)
    throw new StrataError('empty_data', `no row has a value of "${target.name}": there is nothing to compare with.`, {
      where: { column: target.name },
    });
  const { metrics, detail } = judge.figures();
  const figures = Object.fromEntries(Object.entries(metrics).filter(([, v]) => Number.isFinite(v)));
  ctx.metrics(judged, figures);
  const model_bytes = await folderBytes(model.dir);
  const latency = {
    single_row_p50_ms: percentile(times, 0.5),
    single_row_p95_ms: percentile(times, 0.95),
    batch_size: params.batch_size,
    batched_row_p50_ms: percentile(perRow, 0.5),
  };
  await ctx.output.report('report', {
    task: manifest.task,
    target: target.name,
    rows: judged,
    rows_without_target: skipped,
    metrics: figures,
    ...detail,
    latency,
    model: {
      recipe: manifest.recipe,
      parameters: manifest.parameters,
      quantization: manifest.quantization,
      bytes: model_bytes,
    },
  });
  return { rows: judged, ...figures, latency_p50_ms: latency.single_row_p50_ms, model_bytes };
}
