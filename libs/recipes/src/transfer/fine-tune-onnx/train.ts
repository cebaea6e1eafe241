import { StrataError } from '@strata/kernel';
import type { JobContext } from '@strata/contracts';
import type { Graph } from '@strata/graph';
import { float32Of, openGraph } from '@strata/runtime';
import {
  accuracy,
  adamw,
  argmaxRows,
  buildTrainStep,
  createEvaluator,
  fit,
  gatherRows,
  logLoss,
  rmse,
  schedule,
  type Batches,
  type BatchSource,
  type FitContext,
  type FitResult,
  type Validation,
} from '@strata/training';
import { turn } from '../../shared/cancel.js';
import { expectedOf, type Expected } from '../../shared/pictures.js';
import {
  EXPECTED,
  featureGraph,
  headLoss,
  headModel,
  TRUNK,
  wholeLoss,
  wholeModel,
  type Head,
  type Trunk,
} from './fine-tune-onnx.model.js';
import type { FineTuneOnnxParams } from './params.js';
import { ROWS_AT_ONCE, type Answered, type Source } from './source.js';

/** Features [rows, F] of the trunk, which keeps still: worked out once. */
export async function extract(
  ctx: JobContext,
  trunk: Trunk,
  source: Source,
  data: Answered,
): Promise<{ readonly values: Float32Array; readonly width: number }> {
  const session = await openGraph(
    featureGraph(trunk, (b) => source.declare(b, false)),
    {
      threads: ctx.threads,
      device: ctx.device.kind,
    },
  );
  try {
    let values = new Float32Array(0);
    let width = 0;
    let done = 0;
    for await (const feeds of source.once(data, false)) {
      await turn(ctx.signal);
      const { row } = await session.run(feeds, ['row']);
      const made = float32Of(row, 'row');
      if (done === 0) {
        width = row?.dims[1] ?? 0;
        values = new Float32Array(data.rows.length * width);
      }
      values.set(made, done * width);
      done += made.length / width;
      ctx.progress({ step: done, total: data.rows.length, phase: 'features' });
    }
    if (!values.every(Number.isFinite))
      throw new StrataError(
        'invalid_data',
        'the model gives features that are not finite for some rows: look for gaps and extreme values in the data.',
      );
    return { values, width };
  } finally {
    await session.release();
  }
}

/** Mean and standard deviation of each feature; one that never varies is left as it is. */
export function scalingOf(values: Float32Array, width: number): NonNullable<Head['scaling']> {
  const n = values.length / width;
  const mean = new Float32Array(width);
  const scale = new Float32Array(width);
  for (let k = 0; k < width; k++) {
    let sum = 0;
    for (let i = 0; i < n; i++) sum += values[i * width + k] as number;
    let squares = 0;
    for (let i = 0; i < n; i++) squares += ((values[i * width + k] as number) - sum / n) ** 2;
    mean[k] = sum / n;
    const deviation = Math.sqrt(squares / n);
    scale[k] = deviation > 1e-6 ? deviation : 1;
  }
  return { mean, scale };
}

/** What the loss compares with, for each row. */
function expectedOfAll({ answer }: Head, data: Answered): Expected {
  const values =
    answer.kind === 'classes'
      ? Int32Array.from(data.answers)
      : Float32Array.from(data.answers, (v) => (v - answer.mean) / answer.scale);
  return { input: EXPECTED, values };
}

/** A judge of the validation rows: loss, and accuracy or error. */
function scored(head: Head, valid: Answered): { output: string; score: (out: Float32Array) => Record<string, number> } {
  const { answer } = head;
  if (answer.kind === 'number')
    return {
      output: 'prediction',
      score: (out) => {
        const error = rmse(valid.answers, out);
        return { valid_loss: (error / answer.scale) ** 2, valid_rmse: error };
      },
    };
  const n = answer.classes.length;
  const labels = Int32Array.from(valid.answers);
  return {
    output: 'probabilities',
    score: (out) => ({
      valid_loss: logLoss(labels, out, n, answer.classWeights),
      valid_accuracy: accuracy(labels, argmaxRows(out, n)),
    }),
  };
}

export interface Job {
  readonly trunk: Trunk;
  readonly head: Head;
  readonly source: Source;
  readonly train: Answered;
  readonly valid: Answered | undefined;
  readonly params: FineTuneOnnxParams;
}

type Cached = { readonly values: Float32Array; readonly width: number };

/** Trains the head over features that were worked out. */
export function trainHead(
  ctx: FitContext,
  job: Job,
  features: { readonly train: Cached; readonly valid: Cached | undefined },
): Promise<FitResult> {
  const { head } = job;
  const { width } = features.train;
  const expected = expectedOfAll(head, job.train);
  const train: Batches = {
    rows: job.train.rows.length,
    feeds: (at) => ({ features: gatherRows(features.train.values, width, at), ...expectedOf(expected, at) }),
  };
  const { valid } = features;
  const validData: Batches | undefined = valid && {
    rows: valid.values.length / width,
    feeds: (at) => ({ features: gatherRows(valid.values, width, at) }),
  };
  const step = stepOf(job, (b) => headLoss(b, head, width));
  return learn(ctx, job, step, headModel(head, width), train, validData, ROWS_AT_ONCE);
}

/** Trains the head with all or some of the trunk. */
export async function trainWhole(ctx: FitContext, job: Job): Promise<FitResult> {
  const { trunk, head, source, valid } = job;
  const declare = (b: Parameters<Source['declare']>[0]) => source.declare(b, false);
  const { seed } = ctx.rng.fork('augmentation').getState();
  const train = await source.training(job.train, expectedOfAll(head, job.train), seed);
  const validData = valid && (await source.batches(valid));
  const step = stepOf(job, (b) => wholeLoss(b, trunk, head, declare));
  return learn(ctx, job, step, wholeModel(trunk, head, declare), train, validData, source.rowsAtOnce);
}

const stepOf = ({ params: p }: Job, build: Parameters<typeof buildTrainStep>[0]): ReturnType<typeof buildTrainStep> =>
  buildTrainStep(build, {
    optimizer: adamw({ weightDecay: p.weight_decay }),
    clipNorm: p.max_grad_norm,
    parameterGroups: [{ match: (x) => x.name.startsWith(TRUNK), learningRate: p.trunk_learning_rate }],
  });

async function learn(
  ctx: FitContext,
  { head, valid, params: p }: Job,
  step: ReturnType<typeof buildTrainStep>,
  predict: Graph,
  data: BatchSource,
  validData: Batches | undefined,
  rowsAtOnce: number,
): Promise<FitResult> {
  const evaluator = validData && (await createEvaluator(predict, { threads: ctx.threads, device: ctx.device.kind }));
  try {
    const validation: Validation | undefined =
      valid && validData && evaluator
        ? {
            evaluator,
            data: validData,
            batchSize: rowsAtOnce,
            ...scored(head, valid),
            ...(p.early_stopping
              ? { earlyStopping: { monitor: 'valid_loss', mode: 'min', patience: p.n_iter_no_change, tolerance: 0 } }
              : {}),
          }
        : undefined;
    return await fit({
      ctx,
      step,
      data,
      epochs: p.epochs,
      batchSize: p.batch_size,
      schedule: schedule({ kind: p.lr_scheduler, learningRate: p.learning_rate }),
      ...(validation ? { validation } : {}),
    });
  } finally {
    await evaluator?.release();
  }
}
