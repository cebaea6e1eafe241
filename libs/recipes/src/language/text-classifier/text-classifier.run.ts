import type { JobContext } from '@strata/contracts';
import { hashNgrams, loadColumns, padIds, textsOf, trainTestSplit } from '@strata/data';
import { parameterCount } from '@strata/graph';
import { StrataError } from '@strata/kernel';
import { tensor } from '@strata/runtime';
import {
  adamw,
  buildTrainStep,
  createEvaluator,
  fit,
  phases,
  schedule,
  type Batches,
  type FitContext,
  type FitResult,
  type TrainStep,
} from '@strata/training';
import { classifierValidation, servedProbabilities } from '../../shared/classifier-runs.js';
import { balancedWeights, classesOf } from '../../shared/classes.js';
import { modelBytes, writeModel } from '../../shared/export-model.js';
import { ngramsOf, vocabularyOf } from '../../shared/ngram-bag.js';
import { classifierFigures, courseReport, finalMetrics } from '../../shared/report.js';
import { classAnswers, saveModel } from '../../shared/save-model.js';
import type { TextClassifierParams } from './params.js';
import { textExport, textLoss, type TextModel } from './text-classifier.model.js';

/** Texts as ids of their n-grams, with their class. */
interface Labelled {
  readonly ids: readonly Int32Array[];
  readonly labels: Int32Array;
}

/** Steps that a training of unspecified length aims at. */
const STEPS = 600;
/** Fewer texts than this give a validation set too small to judge by: all of them train. */
const TEXTS_TO_VALIDATE = 1000;
const EPOCHS: readonly [number, number] = [8, 40];

export async function run(ctx: JobContext, params: TextClassifierParams): Promise<Record<string, unknown>> {
  const spec = ngramsOf(params);
  const source = await readTexts(ctx, 'train', params);
  const rows = Int32Array.from(source.texts.keys()).filter((r) => source.labels[r] !== null);
  if (rows.length < source.texts.length)
    ctx.log.warn({}, `${source.texts.length - rows.length} rows have no "${params.target}" and are left out`);
  const classes = classesOf(source.labels, rows, params.target);
  const encode = (texts: Texts, at: ArrayLike<number>): Labelled => ({
    ids: Array.from(at, (r) => hashNgrams(texts.texts[r] ?? '', spec)),
    labels: Int32Array.from(at, (r) => classes.indexOf(texts.labels[r] ?? null)),
  });
  const other = async (input: string): Promise<Labelled> => {
    const texts = await readTexts(ctx, input, params);
    const known = [...texts.texts.keys()].filter((r) => classes.indexOf(texts.labels[r] ?? null) >= 0);
    if (known.length === 0)
      throw new StrataError('empty_data', `no row of "${input}" has a class that the training data have.`, {
        where: { column: params.target },
      });
    if (known.length < texts.texts.length)
      ctx.log.warn(
        {},
        `${texts.texts.length - known.length} rows of "${input}" have a class that the training data lack`,
      );
    return encode(texts, known);
  };
  const all = encode(source, rows);
  const parts = ctx.has('valid') ? { train: all, valid: await other('valid') } : hold(all, params, ctx.seed);

  const model: TextModel = {
    classes: classes.names,
    embeddingDim: params.embedding_dim,
    hidden: params.hidden_layer_sizes,
    dropout: params.dropout,
    labelSmoothing: params.label_smoothing,
    vocabulary: vocabularyOf(parts.train.ids, params.buckets, params.min_df),
    classWeights:
      params.class_weight === 'balanced' ? balancedWeights(parts.train.labels, classes.names.length) : undefined,
  };
  const step = buildTrainStep((b) => textLoss(b, model), { optimizer: adamw({ weightDecay: params.weight_decay }) });
  const steps = await phases(ctx);
  const fitted = await steps.last('fit', (c) => train(c, step, model, parts, params));

  const graph = textExport(model);
  const bytes = modelBytes(graph, fitted.weights);
  const figures = classifierFigures(classes.names.length);
  const measure = async (set: string, data: Labelled): Promise<void> =>
    figures.add(set, data.labels, await servedProbabilities(ctx, bytes, batchesOf(data, false), classes.names.length));
  if (parts.valid) await measure('valid', parts.valid);
  if (ctx.has('test')) await measure('test', await other('test'));
  const metrics = finalMetrics(ctx, fitted, figures.measured);

  const parameters = parameterCount(step.parameters);
  await saveModel(ctx, await writeModel(ctx.workDir, bytes), {
    recipe: 'language/text-classifier',
    answers: classAnswers(classes.names),
    inputs: [{ name: params.text_column, datatype: 'BYTES', shape: [-1] }],
    target: params.target,
    preprocess: spec,
    metrics,
    params,
    parameters,
    opset: graph.opset,
    card: {
      title: { en: `Text classifier of ${params.target}`, zh: `${params.target} 文本分类模型` },
      purpose: {
        en: `Tells the class in column \`${params.target}\` from the text in column \`${params.text_column}\`.`,
        zh: `根据 \`${params.text_column}\` 列的文本判断 \`${params.target}\` 列的类别。`,
      },
      rows: parts.train.ids.length,
    },
  });
  await ctx.output.report('report', {
    metrics,
    classes: classes.names,
    ...figures.confusion(),
    ...courseReport(fitted),
  });
  return { ...metrics, epochs: fitted.history.length, best_epoch: fitted.epoch, classes: classes.names.length };
}

interface Texts {
  readonly texts: readonly (string | null)[];
  readonly labels: readonly (string | null)[];
}

/** Both columns as text, whatever types they were given. @throws StrataError `unknown_column` */
async function readTexts(ctx: JobContext, input: string, p: TextClassifierParams): Promise<Texts> {
  const { path, format } = await ctx.dataset(input);
  const table = await loadColumns(path, format, {
    columns: [p.text_column, p.target],
    types: { [p.text_column]: 'text', [p.target]: 'category' },
    signal: ctx.signal,
  });
  return { texts: textsOf(table, p.text_column), labels: textsOf(table, p.target) };
}

/** Keeps a share of the texts, of each class the same, for validation. */
function hold(data: Labelled, p: TextClassifierParams, seed: number): { train: Labelled; valid: Labelled | undefined } {
  const share = p.validation_fraction ?? (data.ids.length < TEXTS_TO_VALIDATE ? 0 : 0.1);
  if (share === 0) return { train: data, valid: undefined };
  const split = trainTestSplit(data.ids.length, {
    testFraction: share,
    seed,
    labels: [...data.labels],
  });
  const part = (at: Int32Array): Labelled => ({
    ids: Array.from(at, (i) => data.ids[i] as Int32Array),
    labels: Int32Array.from(at, (i) => data.labels[i] as number),
  });
  return { train: part(split.train), valid: part(split.test) };
}

/** Feeds of the texts' ids, padded to the longest of the batch; with `targets` their classes too. */
function batchesOf(data: Labelled, targets: boolean): Batches {
  return {
    rows: data.ids.length,
    feeds(rows) {
      const { ids, shape } = padIds(Array.from(rows, (r) => data.ids[r] as Int32Array));
      const labels = (): Int32Array => Int32Array.from(rows, (r) => data.labels[r] as number);
      return { ids: tensor.int64(ids, shape), ...(targets ? { target: tensor.int64(labels(), [rows.length]) } : {}) };
    },
  };
}

async function train(
  ctx: FitContext,
  step: TrainStep,
  model: TextModel,
  { train: data, valid }: { train: Labelled; valid: Labelled | undefined },
  p: TextClassifierParams,
): Promise<FitResult> {
  const n = model.classes.length;
  const batches = Math.ceil(data.ids.length / p.batch_size);
  const evaluator =
    valid && (await createEvaluator(textExport(model), { threads: ctx.threads, device: ctx.device.kind }));
  try {
    return await fit({
      ctx,
      step,
      data: batchesOf(data, true),
      epochs: p.epochs ?? Math.min(EPOCHS[1], Math.max(EPOCHS[0], Math.ceil(STEPS / batches))),
      batchSize: p.batch_size,
      schedule: schedule({ kind: p.lr_scheduler, learningRate: p.learning_rate }),
      ...(valid && evaluator
        ? {
            validation: classifierValidation({
              evaluator,
              data: batchesOf(valid, false),
              labels: valid.labels,
              classes: n,
              classWeights: model.classWeights,
              ...(p.early_stopping
                ? { earlyStopping: { monitor: 'valid_loss', patience: p.n_iter_no_change, tolerance: p.tol } }
                : {}),
            }),
          }
        : {}),
    });
  } finally {
    await evaluator?.release();
  }
}
