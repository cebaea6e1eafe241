import { StrataError } from '@strata/kernel';
import type { JobContext } from '@strata/contracts';
import type { Graph } from '@strata/graph';
import { float32Of, openGraph, tensor, type Tensor } from '@strata/runtime';
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
  type FitContext,
  type FitResult,
  type Validation,
} from '@strata/training';
import { turn } from '../../shared/cancel.js';
import type { Answered } from './data.js';
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
import type { Source } from './sources.js';

const ROWS = 256;

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
    for (let from = 0; from < data.rows.length; from += ROWS) {
      await turn(ctx.signal);
      const rows = data.rows.subarray(from, from + ROWS);
      const made = float32Of((await session.run(source.feeds(data.table, rows), ['row']))['row'], 'row');
      if (from === 0) {
        width = made.length / rows.length;
        values = new Float32Array(data.rows.length * width);
      }
      values.set(made, from * width);
      ctx.progress({ step: from + rows.length, total: data.rows.length, phase: 'features' });
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

/** What the loss compares with, for these places of `data`. */
function expected(head: Head, data: Answered, at: Int32Array): Tensor {
  const { answer } = head;
  if (answer.kind === 'classes')
    return tensor.int64(
      Int32Array.from(at, (i) => data.answers[i] as number),
      [at.length],
    );
  return tensor.float32(
    Float32Array.from(at, (i) => ((data.answers[i] as number) - answer.mean) / answer.scale),
    [at.length, 1],
  );
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
  const over = (cached: Cached, data: Answered, targets: boolean): Batches => ({
    rows: data.rows.length,
    feeds: (at) => ({
      features: gatherRows(cached.values, width, at),
      ...(targets ? { [EXPECTED]: expected(head, data, at) } : {}),
    }),
  });
  const step = stepOf(job, (b) => headLoss(b, head, width));
  return learn(
    ctx,
    job,
    step,
    headModel(head, width),
    over(features.train, job.train, true),
    job.valid && features.valid && over(features.valid, job.valid, false),
  );
}

/** Trains the head with all or some of the trunk. */
export function trainWhole(ctx: FitContext, job: Job): Promise<FitResult> {
  const { trunk, head, source } = job;
  const declare = (b: Parameters<Source['declare']>[0]) => source.declare(b, false);
  const over = (data: Answered, targets: boolean): Batches => ({
    rows: data.rows.length,
    feeds: (at) => ({
      ...source.feeds(
        data.table,
        at.map((i) => data.rows[i] as number),
      ),
      ...(targets ? { [EXPECTED]: expected(head, data, at) } : {}),
    }),
  });
  const step = stepOf(job, (b) => wholeLoss(b, trunk, head, declare));
  return learn(
    ctx,
    job,
    step,
    wholeModel(trunk, head, declare),
    over(job.train, true),
    job.valid && over(job.valid, false),
  );
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
  data: Batches,
  validData: Batches | undefined,
): Promise<FitResult> {
  const evaluator = validData && (await createEvaluator(predict, { threads: ctx.threads, device: ctx.device.kind }));
  try {
    const validation: Validation | undefined =
      valid && validData && evaluator
        ? {
            evaluator,
            data: validData,
            batchSize: ROWS,
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
