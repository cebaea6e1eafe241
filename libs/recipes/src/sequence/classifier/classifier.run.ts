import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { JobContext } from '@strata/contracts';
import { loadColumns, textsOf, trainTestSplit, trainTokenizer, type Tokenizer } from '@strata/data';
import { parameterCount } from '@strata/graph';
import { StrataError } from '@strata/kernel';
import { tensor } from '@strata/runtime';
import {
  adamw,
  argmaxRows,
  classificationMetrics,
  confusionMatrix,
  createEvaluator,
  fit,
  phases,
  schedule,
  type Batches,
  type FitContext,
  type FitResult,
  type LengthBuckets,
} from '@strata/training';
import { finite, modelCard, prefixed } from '../../shared/card.js';
import { classifierValidation, servedProbabilities } from '../../shared/classifier-runs.js';
import { balancedWeights, classesOf } from '../../shared/classes.js';
import { IR_VERSION, modelBytes, writeModel } from '../../shared/export-model.js';
import { idsOf, PAD, tokenFeeds, UNKNOWN } from '../shared/tokens.js';
import { unrolledStep, type UnrolledStep } from '../shared/unrolled.js';
import { sequenceExport, sequenceLoss, type SequenceModel } from './classifier.model.js';
import type { SequenceClassifierParams } from './params.js';

/** Texts as ids of their tokens, with their class. */
interface Labelled {
  readonly ids: readonly Int32Array[];
  readonly labels: Int32Array;
}
interface Texts {
  readonly texts: readonly (string | null)[];
  readonly labels: readonly (string | null)[];
}

/** Fewer texts than this give a validation set too small to judge by: all of them train. */
const TEXTS_TO_VALIDATE = 1000;
const TOKENIZER = 'tokenizer.json';

export async function run(ctx: JobContext, params: SequenceClassifierParams): Promise<Record<string, unknown>> {
  const source = await readTexts(ctx, 'train', params);
  const rows = Int32Array.from(source.texts.keys()).filter((r) => source.labels[r] !== null);
  if (rows.length < source.texts.length)
    ctx.log.warn({}, `${source.texts.length - rows.length} rows have no "${params.target}" and are left out`);
  const classes = classesOf(source.labels, rows, params.target);
  const parts = ctx.has('valid') ? { train: rows, valid: undefined } : hold(source, rows, params, ctx.seed);
  // the tokenizer sees the texts that train, and no others
  const tokenizer = trainTokenizer(
    Array.from(parts.train, (r) => source.texts[r] ?? ''),
    {
      type: params.tokenizer,
      vocab_size: params.vocab_size,
      min_frequency: params.min_frequency,
      special_tokens: [PAD, UNKNOWN],
      lowercase: params.lowercase,
    },
  );
  const encode = (from: Texts, at: Int32Array): Labelled => ({
    ids: idsOf(
      tokenizer,
      Array.from(at, (r) => from.texts[r] ?? ''),
      params.max_length,
    ),
    labels: Int32Array.from(at, (r) => classes.indexOf(from.labels[r] ?? null)),
  });
  const other = async (input: string): Promise<Labelled> => {
    const texts = await readTexts(ctx, input, params);
    const known = Int32Array.from(texts.texts.keys()).filter((r) => classes.indexOf(texts.labels[r] ?? null) >= 0);
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
  const train = encode(source, parts.train);
  const valid = ctx.has('valid') ? await other('valid') : parts.valid && encode(source, parts.valid);

  const model: SequenceModel = {
    classes: classes.names,
    vocabulary: tokenizer.vocabSize,
    cell: params.cell,
    units: params.hidden_size,
    layers: params.num_layers,
    bidirectional: params.bidirectional,
    embeddingDim: params.embedding_dim,
    pooling: params.pooling,
    dropout: params.dropout,
    labelSmoothing: params.label_smoothing,
    classWeights: params.class_weight === 'balanced' ? balancedWeights(train.labels, classes.names.length) : undefined,
  };
  const unrolled = unrolledStep(train.ids, (b, steps) => sequenceLoss(b, model, steps), params, {
    optimizer: adamw({ weightDecay: params.weight_decay }),
    clipNorm: params.max_grad_norm,
  });
  const fitted = await (await phases(ctx)).last('fit', (c) => learn(c, unrolled, model, { train, valid }, params));

  const graph = sequenceExport(model);
  const bytes = modelBytes(graph, fitted.weights);
  const measured: Record<string, number> = {};
  let confusion: number[][] | undefined;
  const measure = async (prefix: string, data: Labelled): Promise<void> => {
    const p = await servedProbabilities(ctx, bytes, batchesOf(data, false), classes.names.length);
    Object.assign(measured, prefixed(prefix, classificationMetrics(data.labels, p, classes.names.length)));
    confusion = confusionMatrix(data.labels, argmaxRows(p, classes.names.length), classes.names.length);
  };
  if (valid) await measure('valid', valid);
  if (ctx.has('test')) await measure('test', await other('test'));
  const metrics = finite({ train_loss: fitted.history.at(-1)?.train_loss ?? NaN, ...measured });
  ctx.metrics(fitted.steps, metrics);
  await save(
    ctx,
    {
      bytes,
      model,
      tokenizer,
      metrics,
      rows: train.ids.length,
      parameters: parameterCount(unrolled.step.parameters),
      opset: graph.opset,
    },
    params,
  );
  await ctx.output.report('report', {
    metrics,
    classes: classes.names,
    confusion_matrix: confusion ?? null,
    confusion_of: ctx.has('test') ? 'test' : valid ? 'valid' : null,
    vocabulary: tokenizer.vocabSize,
    unrolled: unrolled.buckets.limits,
    history: fitted.history,
    best_epoch: fitted.epoch,
    stopped_early: fitted.stoppedEarly,
  });
  return { ...metrics, epochs: fitted.history.length, best_epoch: fitted.epoch, classes: classes.names.length };
}

/** Both columns as text, whatever types they were given. @throws StrataError `unknown_column` */
async function readTexts(ctx: JobContext, input: string, p: SequenceClassifierParams): Promise<Texts> {
  const { path, format } = await ctx.dataset(input);
  const table = await loadColumns(path, format, {
    columns: [p.text_column, p.target],
    types: { [p.text_column]: 'text', [p.target]: 'category' },
    signal: ctx.signal,
  });
  return { texts: textsOf(table, p.text_column), labels: textsOf(table, p.target) };
}

/** Keeps a share of the rows, of each class the same, for validation. */
function hold(
  data: Texts,
  rows: Int32Array,
  p: SequenceClassifierParams,
  seed: number,
): { train: Int32Array; valid: Int32Array | undefined } {
  const share = p.validation_fraction ?? (rows.length < TEXTS_TO_VALIDATE ? 0 : 0.1);
  if (share === 0) return { train: rows, valid: undefined };
  const split = trainTestSplit(rows.length, {
    testFraction: share,
    seed,
    labels: Array.from(rows, (r) => data.labels[r] ?? ''),
  });
  const at = (part: Int32Array): Int32Array => part.map((i) => rows[i] as number);
  return { train: at(split.train), valid: at(split.test) };
}

/** Feeds padded to what the buckets say, or to the longest of a batch; with `targets` the classes too. */
const batchesOf = (data: Labelled, targets: boolean, buckets?: LengthBuckets): Batches => ({
  rows: data.ids.length,
  feeds: (rows) => ({
    ...tokenFeeds(data.ids, rows, buckets?.of(rows)),
    ...(targets
      ? {
          target: tensor.int64(
            Int32Array.from(rows, (r) => data.labels[r] as number),
            [rows.length],
          ),
        }
      : {}),
  }),
});

async function learn(
  ctx: FitContext,
  { step, buckets }: UnrolledStep,
  model: SequenceModel,
  { train, valid }: { train: Labelled; valid: Labelled | undefined },
  p: SequenceClassifierParams,
): Promise<FitResult> {
  const n = model.classes.length;
  const evaluator =
    valid && (await createEvaluator(sequenceExport(model), { threads: ctx.threads, device: ctx.device.kind }));
  try {
    return await fit({
      ctx,
      step,
      data: batchesOf(train, true, buckets),
      epochs: p.epochs,
      batchSize: p.batch_size,
      order: { lengths: buckets.padded, pool: Infinity },
      schedule: schedule({ kind: p.lr_scheduler, learningRate: p.learning_rate }),
      ...(valid && evaluator
        ? {
            validation: classifierValidation({
              evaluator,
              data: batchesOf(valid, false),
              labels: valid.labels,
              classes: n,
              classWeights: model.classWeights,
              batchSize: 256,
              ...(p.early_stopping
                ? { earlyStopping: { monitor: 'valid_loss', patience: p.n_iter_no_change, tolerance: 0 } }
                : {}),
            }),
          }
        : {}),
    });
  } finally {
    await evaluator?.release();
  }
}

interface Made {
  readonly bytes: Uint8Array;
  readonly model: SequenceModel;
  readonly tokenizer: Tokenizer;
  readonly metrics: Record<string, number>;
  readonly rows: number;
  readonly parameters: number;
  readonly opset: number;
}

async function save(ctx: JobContext, made: Made, params: SequenceClassifierParams): Promise<void> {
  const { model, tokenizer, metrics, parameters } = made;
  const dir = await writeModel(ctx.workDir, made.bytes);
  await writeFile(join(dir, TOKENIZER), JSON.stringify(tokenizer.json));
  await ctx.output.model('model', dir, {
    format: 'strata-model/1',
    task: 'classification',
    recipe: 'sequence/classifier',
    recipe_version: 2,
    inputs: [{ name: params.text_column, datatype: 'BYTES', shape: [-1] }],
    outputs: [
      { name: 'label', datatype: 'BYTES', shape: [-1] },
      { name: 'probabilities', datatype: 'FP32', shape: [-1, model.classes.length] },
    ],
    labels: [...model.classes],
    target: params.target,
    preprocess: { kind: 'tokenizer', file: TOKENIZER, max_length: params.max_length, pad_id: 0 },
    metrics,
    params,
    seed: ctx.seed,
    parameters,
    opset: made.opset,
    ir_version: IR_VERSION,
    quantization: null,
    card: modelCard({
      title: { en: `Recurrent text classifier of ${params.target}`, zh: `${params.target} 循环网络文本分类模型` },
      purpose: {
        en: `Tells the class in column \`${params.target}\` from the text in column \`${params.text_column}\`, read by a ${params.cell.toUpperCase()} one ${params.tokenizer} token after the other.`,
        zh: `由 ${params.cell.toUpperCase()} 逐个读取 \`${params.text_column}\` 列文本的词元（${params.tokenizer}），判断 \`${params.target}\` 列的类别。`,
      },
      target: params.target,
      rows: made.rows,
      inputs: [params.text_column],
      classes: model.classes,
      parameters,
      metrics,
      recipe: 'sequence/classifier',
      seed: ctx.seed,
    }),
  });
}
