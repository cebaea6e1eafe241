import type { JobContext } from '@strata/contracts';
import { argmaxRows, classificationMetrics, confusionMatrix, type FitResult } from '@strata/training';
import { finite, prefixed } from './card.js';

/** The figures of a finished model: the last training loss and what was measured. They are also the job's last metrics. */
export function finalMetrics(
  ctx: JobContext,
  fitted: FitResult,
  measured: Readonly<Record<string, number>>,
): Record<string, number> {
  const metrics = finite({ train_loss: fitted.history.at(-1)?.train_loss ?? NaN, ...measured });
  ctx.metrics(fitted.steps, metrics);
  return metrics;
}

/** The course of a training, as reports have it. */
export const courseReport = (fitted: FitResult) => ({
  history: fitted.history,
  best_epoch: fitted.epoch,
  stopped_early: fitted.stoppedEarly,
});

/** What a finished classifier is judged by, set after set. */
export interface ClassifierFigures {
  /** By names that begin with the set's: `test_accuracy`. */
  readonly measured: Record<string, number>;
  /** @param probabilities [rows, classes] */
  add(set: string, labels: Int32Array, probabilities: Float32Array): void;
  /** Of the set that came last, as reports have it. */
  confusion(): { readonly confusion_matrix: number[][] | null; readonly confusion_of: string | null };
}

export function classifierFigures(classes: number): ClassifierFigures {
  const measured: Record<string, number> = {};
  let last: { readonly set: string; readonly matrix: number[][] } | undefined;
  return {
    measured,
    add(set, labels, probabilities) {
      Object.assign(measured, prefixed(set, classificationMetrics(labels, probabilities, classes)));
      last = { set, matrix: confusionMatrix(labels, argmaxRows(probabilities, classes), classes) };
    },
    confusion: () => ({ confusion_matrix: last?.matrix ?? null, confusion_of: last?.set ?? null }),
  };
}
