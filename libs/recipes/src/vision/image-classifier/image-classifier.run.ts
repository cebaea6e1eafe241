import type { ImagePreprocess, JobContext } from '@strata/contracts';
import { loadImages, trainTestSplit, type ImageSize, type ImageTable } from '@strata/data';
import { parameterCount } from '@strata/graph';
import { StrataError } from '@strata/kernel';
import {
  adam,
  adamw,
  batchModule,
  buildTrainStep,
  createEvaluator,
  fit,
  phases,
  schedule,
  sgd,
  shared,
  type FitContext,
  type FitResult,
  type Optimizer,
  type Schedule,
  type TrainStep,
} from '@strata/training';
import { classifierValidation, servedProbabilities } from '../../shared/classifier-runs.js';
import { balancedWeights, classesOf, type Classes } from '../../shared/classes.js';
import { mustBePictures } from '../../shared/datasets.js';
import { modelBytes, writeModel } from '../../shared/export-model.js';
import { augmentationOf } from '../../shared/picture-params.js';
import { channelStatistics, createBatches, type PictureSource } from '../../shared/pictures.js';
import { classifierFigures, courseReport, finalMetrics } from '../../shared/report.js';
import { classAnswers, saveModel } from '../../shared/save-model.js';
import { imageExport, imageLoss, type ImageModel } from './image-classifier.model.js';
import type { ImageClassifierParams } from './params.js';

/** Fewer pictures than this give a validation set too small to judge by: all of them train. */
const TO_VALIDATE = 1000;

/** Pictures with the numbers of their classes. */
interface Labelled {
  readonly pixels: Uint8Array;
  readonly labels: Int32Array;
}

export async function run(ctx: JobContext, params: ImageClassifierParams): Promise<Record<string, unknown>> {
  checkStages(params);
  const source = await readPictures(ctx, 'train', given(params));
  const { size } = source;
  const everyRow = Int32Array.from(source.labels.keys());
  const classes = classesOf(source.labels, everyRow, 'label');
  const all: Labelled = {
    pixels: source.pixels,
    labels: Int32Array.from(source.labels, (l) => classes.indexOf(l)),
  };
  const parts = ctx.has('valid')
    ? { train: all, valid: await labelled(ctx, 'valid', size, classes) }
    : hold(all, params, ctx.seed);
  const statistics = channelStatistics(parts.train.pixels, size.channels);
  const model = modelOf(params, size, classes.names, parts.train.labels);
  const asSource = ({ pixels }: Labelled): PictureSource => ({ pixels, ...size, ...statistics, seed: 0 });

  const step = buildTrainStep((b) => imageLoss(b, model), {
    optimizer: optimizerOf(params),
    ...(params.max_grad_norm > 0 ? { clipNorm: params.max_grad_norm } : {}),
  });
  const steps = await phases(ctx);
  const fitted = await steps.last('fit', (c) => train(c, step, model, parts, asSource, params));

  const graph = imageExport(model);
  const bytes = modelBytes(graph, fitted.weights);
  const figures = classifierFigures(classes.names.length);
  const measure = async (set: string, data: Labelled): Promise<void> =>
    figures.add(
      set,
      data.labels,
      await servedProbabilities(ctx, bytes, createBatches(asSource(data)), classes.names.length),
    );
  if (parts.valid) await measure('valid', parts.valid);
  if (ctx.has('test')) await measure('test', await labelled(ctx, 'test', size, classes));
  const metrics = finalMetrics(ctx, fitted, figures.measured);

  const parameters = parameterCount(step.parameters);
  const preprocess: ImagePreprocess = {
    kind: 'image',
    ...size,
    mean: [...statistics.mean],
    std: [...statistics.std],
  };
  await saveModel(ctx, await writeModel(ctx.workDir, bytes), {
    recipe: 'vision/image-classifier',
    answers: classAnswers(classes.names),
    inputs: [{ name: 'image', datatype: 'BYTES', shape: [-1] }],
    target: 'label',
    preprocess,
    metrics,
    params,
    parameters,
    opset: graph.opset,
    card: {
      title: { en: 'Image classifier', zh: '图像分类模型' },
      purpose: {
        en: `Tells the class of a picture, which is resized to ${size.height} × ${size.width} pixels.`,
        zh: `判断图片的类别；图片会缩放为 ${size.height} × ${size.width} 像素。`,
      },
      rows: parts.train.labels.length,
    },
  });
  await ctx.output.report('report', {
    metrics,
    classes: classes.names,
    size,
    ...figures.confusion(),
    ...courseReport(fitted),
  });
  return { ...metrics, epochs: fitted.history.length, best_epoch: fitted.epoch, classes: classes.names.length };
}

const refuse = (field: string, message: string): never => {
  throw new StrataError('invalid_parameter', message, { where: { field: `params.${field}` } });
};

function checkStages(p: ImageClassifierParams): void {
  if (p.depths.length !== p.hidden_sizes.length)
    refuse('depths', `depths has ${p.depths.length} numbers for the ${p.hidden_sizes.length} stages of hidden_sizes.`);
}

/** Sizes that the parameters fix. */
const given = (p: ImageClassifierParams): Partial<ImageSize> => ({
  ...(p.height === null ? {} : { height: p.height }),
  ...(p.width === null ? {} : { width: p.width }),
  ...(p.channels === null ? {} : { channels: p.channels }),
});

async function readPictures(ctx: JobContext, input: string, size: Partial<ImageSize>): Promise<ImageTable> {
  const data = await ctx.dataset(input);
  mustBePictures(data.format, `inputs.${input}`);
  return loadImages(data.path, { ...size, name: input, signal: ctx.signal });
}

/** The pictures of another input whose classes the training data have. */
async function labelled(ctx: JobContext, input: string, size: ImageSize, classes: Classes): Promise<Labelled> {
  const table = await readPictures(ctx, input, size);
  const known = [...table.labels.keys()].filter((r) => classes.indexOf(table.labels[r] ?? null) >= 0);
  if (known.length === 0)
    throw new StrataError('empty_data', `no picture of "${input}" has a class that the training data have.`, {
      where: { field: `inputs.${input}` },
    });
  const left = table.labels.length - known.length;
  if (left > 0) ctx.log.warn({}, `${left} pictures of "${input}" have a class that the training data lack`);
  const labels = Int32Array.from(table.labels, (l) => classes.indexOf(l));
  return left === 0 ? { pixels: table.pixels, labels } : pick({ pixels: table.pixels, labels }, Int32Array.from(known));
}

function pick(data: Labelled, rows: Int32Array): Labelled {
  const length = data.pixels.length / data.labels.length;
  const pixels = new Uint8Array(rows.length * length);
  rows.forEach((r, i) => pixels.set(data.pixels.subarray(r * length, (r + 1) * length), i * length));
  return { pixels, labels: Int32Array.from(rows, (r) => data.labels[r] as number) };
}

/** Keeps a share of the pictures, of each class the same, for validation. */
function hold(
  data: Labelled,
  p: ImageClassifierParams,
  seed: number,
): { train: Labelled; valid: Labelled | undefined } {
  const share = p.validation_fraction ?? (data.labels.length < TO_VALIDATE ? 0 : 0.1);
  if (share === 0) return { train: data, valid: undefined };
  const split = trainTestSplit(data.labels.length, { testFraction: share, seed, labels: [...data.labels] });
  return { train: pick(data, split.train), valid: pick(data, split.test) };
}

function modelOf(
  p: ImageClassifierParams,
  size: ImageSize,
  classes: readonly string[],
  labels: Int32Array,
): ImageModel {
  const shrink = p.stem_stride * (p.stem_pool ? 2 : 1) * 2 ** (p.hidden_sizes.length - 1);
  if (Math.min(size.height, size.width) < shrink)
    refuse(
      'hidden_sizes',
      `${p.hidden_sizes.length} stages shrink a picture to 1/${shrink}, and it has only ${size.height} × ${size.width} pixels. Take fewer stages or larger pictures.`,
    );
  return {
    ...size,
    classes,
    stages: p.hidden_sizes.map((width, i) => ({ width, blocks: p.depths[i] ?? 1 })),
    stem: { kernelSize: p.stem_kernel_size, stride: p.stem_stride, pool: p.stem_pool },
    norm: p.norm,
    dropout: p.dropout,
    blockDropout: p.block_dropout,
    labelSmoothing: p.label_smoothing,
    classWeights: p.class_weight === 'balanced' ? balancedWeights(labels, classes.length) : undefined,
  };
}

function optimizerOf(p: ImageClassifierParams): Optimizer {
  const weightDecay = p.weight_decay;
  if (p.optimizer === 'sgd') return sgd({ momentum: p.momentum, nesterov: p.nesterov && p.momentum > 0, weightDecay });
  return (p.optimizer === 'adam' ? adam : adamw)({ betas: [p.momentum, 0.99], weightDecay });
}

function scheduleOf(p: ImageClassifierParams, perEpoch: number): Schedule {
  const learningRate = p.learning_rate;
  if (p.lr_scheduler === 'one_cycle') return schedule({ kind: 'one_cycle', learningRate, peakAt: p.pct_start });
  const warmupSteps = Math.min(Math.round(p.warmup_epochs * perEpoch), p.epochs * perEpoch - 1);
  if (p.lr_scheduler === 'step')
    return schedule({ kind: 'step', learningRate, warmupSteps, stepSize: p.step_size * perEpoch, gamma: p.gamma });
  return schedule({ kind: p.lr_scheduler, learningRate, warmupSteps });
}

async function train(
  ctx: FitContext,
  step: TrainStep,
  model: ImageModel,
  { train: data, valid }: { train: Labelled; valid: Labelled | undefined },
  asSource: (data: Labelled) => PictureSource,
  p: ImageClassifierParams,
): Promise<FitResult> {
  const n = model.classes.length;
  const evaluator =
    valid && (await createEvaluator(imageExport(model), { threads: ctx.threads, device: ctx.device.kind }));
  const init: PictureSource = {
    ...asSource({ ...data, pixels: shared(data.pixels) }),
    expected: { input: 'target', values: shared(data.labels) },
    seed: ctx.rng.fork('augmentation').getState().seed,
    augmentation: augmentationOf(p),
  };
  try {
    return await fit({
      ctx,
      step,
      data: batchModule({
        rows: data.labels.length,
        create: createBatches,
        init,
        module: new URL('../../shared/pictures.js', import.meta.url),
      }),
      epochs: p.epochs,
      batchSize: p.batch_size,
      schedule: scheduleOf(p, Math.ceil(data.labels.length / p.batch_size)),
      ...(valid && evaluator
        ? {
            validation: classifierValidation({
              evaluator,
              data: createBatches(asSource(valid)),
              labels: valid.labels,
              classes: n,
              classWeights: model.classWeights,
              batchSize: 256,
              ...(p.early_stopping
                ? { earlyStopping: { monitor: 'valid_accuracy', patience: p.n_iter_no_change, tolerance: 0 } }
                : {}),
            }),
          }
        : {}),
    });
  } finally {
    await evaluator?.release();
  }
}
