import type { JobContext } from '@strata/contracts';
import { createSession, float32Of } from '@strata/runtime';
import { accuracy, argmaxRows, logLoss, type Batches, type Evaluator, type Validation } from '@strata/training';

export interface ClassifierValidation {
  /** Makes `probabilities` [N, classes]. */
  readonly evaluator: Evaluator;
  readonly data: Batches;
  readonly labels: Int32Array;
  readonly classes: number;
  readonly classWeights: readonly number[] | undefined;
  readonly batchSize?: number;
  /** Ends the training when this has not got better for `patience` epochs. */
  readonly earlyStopping?: {
    readonly monitor: 'valid_loss' | 'valid_accuracy';
    readonly patience: number;
    readonly tolerance: number;
  };
}

/** Validation of a classifier while it trains: `valid_loss` (weighted as the training's) and `valid_accuracy`. */
export function classifierValidation(v: ClassifierValidation): Validation {
  const { evaluator, data, labels, classes, classWeights, batchSize, earlyStopping: stopping } = v;
  return {
    evaluator,
    data,
    ...(batchSize === undefined ? {} : { batchSize }),
    output: 'probabilities',
    score: (out: Float32Array) => ({
      valid_loss: logLoss(labels, out, classes, classWeights),
      valid_accuracy: accuracy(labels, argmaxRows(out, classes)),
    }),
    ...(stopping ? { earlyStopping: { ...stopping, mode: stopping.monitor === 'valid_loss' ? 'min' : 'max' } } : {}),
  };
}

/** An output [rows, width] of the exported file itself: what is measured is what is served. */
export async function servedRows(
  ctx: JobContext,
  bytes: Uint8Array,
  batches: Batches,
  output: string,
  width: number,
  rowsAtOnce = 256,
): Promise<Float32Array> {
  const all = new Float32Array(batches.rows * width);
  const session = await createSession(bytes, { threads: ctx.threads });
  try {
    for (let from = 0; from < batches.rows; from += rowsAtOnce) {
      const rows = Int32Array.from({ length: Math.min(rowsAtOnce, batches.rows - from) }, (_, i) => from + i);
      const out = await session.run(batches.feeds(rows), [output]);
      all.set(float32Of(out[output], output), from * width);
    }
  } finally {
    await session.release();
  }
  return all;
}

/** Probabilities [rows, classes] of a classifier's file. */
export const servedProbabilities = (
  ctx: JobContext,
  bytes: Uint8Array,
  batches: Batches,
  classes: number,
  rowsAtOnce?: number,
): Promise<Float32Array> => servedRows(ctx, bytes, batches, 'probabilities', classes, rowsAtOnce);
