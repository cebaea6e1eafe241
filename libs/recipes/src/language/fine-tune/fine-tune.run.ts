import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { JobContext, ModelManifest } from '@strata/contracts';
import { encodeWithin, loadColumns, padTokens, textsOf, trainTestSplit, type Cell } from '@strata/data';
import { parameterCount } from '@strata/graph';
import { StrataError } from '@strata/kernel';
import { tensor } from '@strata/runtime';
import {
  adamw,
  argmaxRows,
  buildTrainStep,
  classificationMetrics,
  confusionMatrix,
  createEvaluator,
  fit,
  schedule,
  type Batches,
  type FitResult,
  type TrainStep,
  type Weights,
} from '@strata/training';
import { finite, modelCard, prefixed } from '../../shared/card.js';
import { classifierValidation, servedProbabilities } from '../../shared/classifier-runs.js';
import { balancedWeights, classesOf, type Classes } from '../../shared/classes.js';
import { IR_VERSION, modelBytes, writeModel } from '../../shared/export-model.js';
import { TOKENIZER_FILE } from '../../shared/tokenizer.js';
import { baseOf, takeWeights, type Base } from './base.js';
import { classifierGraph, classifierLoss, isHead, isLora, mergeLora, type Classifier } from './fine-tune.model.js';
import type { FineTuneParams } from './params.js';
import { safetensors } from './safetensors.js';
import { chooseMethod, learningRateOf, type Choice } from './strategy.js';

interface Labelled {
  readonly ids: readonly Int32Array[];
  readonly labels: Int32Array;
}
interface Texts {
  readonly texts: readonly Cell[];
  readonly labels: readonly Cell[];
}

/** Adapters beside the merged model. */
const ADAPTERS = 'adapter.safetensors';
/** Sizes that batches are padded to: a few shapes instead of one for each length. */
const MULTIPLE = 8;

async function readTexts(ctx: JobContext, input: string, p: FineTuneParams): Promise<Texts> {
  const { path, format } = await ctx.dataset(input);
  const table = await loadColumns(path, format, {
    columns: [p.text_column, p.target],
    types: { [p.text_column]: 'text', [p.target]: 'category' },
    signal: ctx.signal,
  });
  return { texts: textsOf(table, p.text_column), labels: textsOf(table, p.target) };
}

/** Rows with a class that is known; the others are left out, with a warning. @throws StrataError `empty_data` */
function known(ctx: JobContext, input: string, { labels }: Texts, classes: Classes): Int32Array {
  const rows = Int32Array.from(labels.keys()).filter((r) => classes.indexOf(labels[r] ?? null) >= 0);
  if (rows.length === 0)
    throw new StrataError('empty_data', `no row of "${input}" has a class that the training data have.`);
  if (rows.length < labels.length)
    ctx.log.warn({}, `${labels.length - rows.length} rows of "${input}" have no class that the training data have`);
  return rows;
}

export async function run(ctx: JobContext, params: FineTuneParams): Promise<Record<string, unknown>> {
  const source = await readTexts(ctx, 'train', params);
  const labelled = Int32Array.from(source.labels.keys()).filter((r) => source.labels[r] !== null);
  const classes = classesOf(source.labels, labelled, params.target);
  const rows = known(ctx, 'train', source, classes);
  const base = await baseOf(ctx, params, () => Array.from(rows, (r) => source.texts[r] ?? ''));
  const length = Math.min(params.max_length ?? base.config.block_size, base.config.block_size);
  const encode = ({ texts, labels }: Texts, at: ArrayLike<number>): Labelled => ({
    ids: Array.from(at, (r) => encodeWithin(base.tokenizer, texts[r] ?? '', length).ids),
    labels: Int32Array.from(at, (r) => classes.indexOf(labels[r] ?? null)),
  });
  const other = async (input: string): Promise<Labelled> => {
    const texts = await readTexts(ctx, input, params);
    return encode(texts, known(ctx, input, texts, classes));
  };
  const parts = ctx.has('valid')
    ? { train: encode(source, rows), valid: await other('valid') }
    : hold(encode(source, rows), params.validation_fraction, ctx.seed);

  const choice = chooseMethod({
    asked: params.method,
    hasBase: base.weights !== undefined,
    rows: parts.train.ids.length,
    classes: classes.names.length,
  });
  ctx.log.info({ method: choice.method }, `method ${choice.method}: ${choice.why.en}`);
  const model: Classifier = {
    family: base.family,
    config: base.config,
    pooling: params.pooling === 'auto' ? (base.family === 'gpt' ? 'last' : 'mean') : params.pooling,
    classes: classes.names,
    lora:
      choice.method === 'lora'
        ? {
            rank: params.lora_rank,
            alpha: params.lora_alpha,
            dropout: params.lora_dropout,
            targets: params.lora_targets,
          }
        : undefined,
    labelSmoothing: params.label_smoothing,
    classWeights:
      params.class_weight === 'balanced' ? balancedWeights(parts.train.labels, classes.names.length) : undefined,
  };
  const step = buildTrainStep((b) => classifierLoss(b, model), {
    optimizer: adamw({ weightDecay: params.weight_decay }),
    trainable: ({ name }) => choice.method === 'full' || isHead(name) || isLora(name),
    ...(params.max_grad_norm > 0 ? { clipNorm: params.max_grad_norm } : {}),
  });
  const fitted = await train(ctx, step, model, base, parts, params, choice);
  return report(ctx, params, {
    base,
    model,
    step,
    fitted,
    choice,
    classes,
    parts,
    length,
    test: ctx.has('test') ? await other('test') : undefined,
  });
}

function hold(data: Labelled, share: number, seed: number): { train: Labelled; valid: Labelled | undefined } {
  if (share === 0 || data.ids.length < 10) return { train: data, valid: undefined };
  const split = trainTestSplit(data.ids.length, { testFraction: share, seed, labels: [...data.labels] });
  const part = (at: Int32Array): Labelled => ({
    ids: Array.from(at, (i) => data.ids[i] as Int32Array),
    labels: Int32Array.from(at, (i) => data.labels[i] as number),
  });
  return { train: part(split.train), valid: part(split.test) };
}

/** Feeds of the texts' ids and mask, padded to the longest of the batch; with `targets` their classes too. */
function batchesOf(data: Labelled, padId: number, most: number, targets: boolean): Batches {
  return {
    rows: data.ids.length,
    feeds(rows) {
      const chosen = Array.from(rows, (r) => data.ids[r] as Int32Array);
      const longest = chosen.reduce((n, r) => Math.max(n, r.length), 1);
      const { ids, mask, shape } = padTokens(chosen, padId, Math.min(most, MULTIPLE * Math.ceil(longest / MULTIPLE)));
      const labels = (): Int32Array => Int32Array.from(rows, (r) => data.labels[r] as number);
      return {
        input_ids: tensor.int64(ids, shape),
        attention_mask: tensor.int64(mask, shape),
        ...(targets ? { target: tensor.int64(labels(), [rows.length]) } : {}),
      };
    },
  };
}

const padOf = (base: Base): number => base.tokenizer.tokenToId('[PAD]') ?? base.tokenizer.tokenToId('<pad>') ?? 0;

async function train(
  ctx: JobContext,
  step: TrainStep,
  model: Classifier,
  base: Base,
  { train: data, valid }: { train: Labelled; valid: Labelled | undefined },
  p: FineTuneParams,
  choice: Choice,
): Promise<FitResult> {
  const n = model.classes.length;
  const most = base.config.block_size;
  const total = p.epochs * Math.ceil(data.ids.length / p.batch_size);
  const rate = p.learning_rate ?? learningRateOf(choice.method, base.weights !== undefined);
  const initial = base.weights
    ? takeWeights(
        base.weights,
        [...step.parameters, ...step.frozen].filter(({ name }) => !isHead(name) && !isLora(name)),
      )
    : {};
  const evaluator =
    valid && (await createEvaluator(classifierGraph(model), { threads: ctx.threads, device: ctx.device.kind }));
  try {
    return await fit({
      ctx,
      step,
      data: batchesOf(data, padOf(base), most, true),
      epochs: p.epochs,
      batchSize: p.batch_size,
      initial,
      schedule: schedule({ kind: p.lr_scheduler, learningRate: rate, warmupSteps: Math.floor(p.warmup_ratio * total) }),
      ...(valid && evaluator
        ? {
            validation: classifierValidation({
              evaluator,
              data: batchesOf(valid, padOf(base), most, false),
              labels: valid.labels,
              classes: n,
              classWeights: model.classWeights,
              batchSize: ROWS,
              // the loss of a tuned model rises long before its answers get worse: it grows too sure of itself
              ...(p.early_stopping
                ? { earlyStopping: { monitor: 'valid_accuracy', patience: p.n_iter_no_change, tolerance: p.tol } }
                : {}),
            }),
          }
        : {}),
    });
  } finally {
    await evaluator?.release();
  }
}

/** Rows that are worked out at once. */
const ROWS = 64;

interface Made {
  readonly base: Base;
  readonly model: Classifier;
  readonly step: TrainStep;
  readonly fitted: FitResult;
  readonly choice: Choice;
  readonly classes: Classes;
  readonly parts: { readonly train: Labelled; readonly valid: Labelled | undefined };
  readonly length: number;
  readonly test: Labelled | undefined;
}

/** Exports, measures the exported file, and writes model, card and report. */
async function report(ctx: JobContext, params: FineTuneParams, made: Made): Promise<Record<string, unknown>> {
  const { base, model, step, fitted, choice, parts } = made;
  const n = model.classes.length;
  const plain: Classifier = { ...model, lora: undefined };
  const graph = classifierGraph(plain);
  const weights = model.lora ? mergeLora(fitted.weights, model.lora) : fitted.weights;
  const bytes = modelBytes(graph, weights);
  const measured: Record<string, number> = {};
  let confusion: number[][] | undefined;
  const measure = async (prefix: string, data: Labelled): Promise<void> => {
    const p = await servedProbabilities(
      ctx,
      bytes,
      batchesOf(data, padOf(base), base.config.block_size, false),
      n,
      ROWS,
    );
    Object.assign(measured, prefixed(prefix, classificationMetrics(data.labels, p, n)));
    confusion = confusionMatrix(data.labels, argmaxRows(p, n), n);
  };
  if (parts.valid) await measure('valid', parts.valid);
  if (made.test) await measure('test', made.test);
  const trained = parameterCount(step.parameters);
  // adapters are merged: what the file holds, and what full fine-tuning would train
  const total = [...step.parameters, ...step.frozen]
    .filter(({ name }) => !isLora(name))
    .reduce((s, p) => s + p.shape.reduce((a, d) => a * d, 1), 0);
  const share = trained / total;
  const metrics = finite({ train_loss: fitted.history.at(-1)?.train_loss ?? NaN, ...measured, trained_share: share });
  ctx.metrics(fitted.steps, metrics);

  const dir = await writeModel(ctx.workDir, bytes);
  await writeFile(join(dir, TOKENIZER_FILE), JSON.stringify(base.tokenizer.json));
  if (model.lora) await writeFile(join(dir, ADAPTERS), adapters(fitted.weights, model));
  const percent = `${Number((100 * share).toPrecision(3))} %`;
  const manifest: ModelManifest = {
    format: 'strata-model/1',
    task: 'classification',
    recipe: 'language/fine-tune',
    recipe_version: 1,
    inputs: [{ name: params.text_column, datatype: 'BYTES', shape: [-1] }],
    outputs: [
      { name: 'label', datatype: 'BYTES', shape: [-1] },
      { name: 'probabilities', datatype: 'FP32', shape: [-1, n] },
    ],
    labels: [...model.classes],
    target: params.target,
    preprocess: { kind: 'tokenizer', file: TOKENIZER_FILE, max_length: made.length, pad_id: padOf(base) },
    metrics,
    params,
    seed: ctx.seed,
    parameters: total,
    opset: graph.opset,
    ir_version: IR_VERSION,
    quantization: null,
    card: modelCard({
      title: { en: 'Fine-tuned text classifier', zh: '微调文本分类器' },
      purpose: {
        en: `Tells the class of a text. Method ${choice.method} (${percent} of the weights trained): ${choice.why.en}.`,
        zh: `判断文本所属类别。方法 ${choice.method}（训练了 ${percent} 的参数）：${choice.why.zh}。`,
      },
      target: params.target,
      rows: parts.train.ids.length,
      inputs: [params.text_column],
      classes: model.classes,
      parameters: total,
      metrics,
      recipe: 'language/fine-tune',
      seed: ctx.seed,
    }),
  };
  await ctx.output.model('model', dir, manifest);
  await ctx.output.report('report', {
    metrics,
    method: choice.method,
    why: choice.why,
    weights: { total, trained, share },
    classes: model.classes,
    confusion_matrix: confusion ?? null,
    history: fitted.history,
    best_epoch: fitted.epoch,
    stopped_early: fitted.stoppedEarly,
  });
  return {
    ...metrics,
    method: choice.method,
    steps: fitted.steps,
    best_epoch: fitted.epoch,
    parameters: total,
    trained,
  };
}

const adapters = (weights: Weights, { lora }: Classifier): Uint8Array =>
  safetensors(Object.fromEntries(Object.entries(weights).filter(([name]) => isLora(name) || isHead(name))), {
    format: 'strata-lora/1',
    lora_rank: String(lora?.rank),
    lora_alpha: String(lora?.alpha),
  });
