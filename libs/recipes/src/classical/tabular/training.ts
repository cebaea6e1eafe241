import { StrataError } from '@strata/kernel';
import type { Tensor } from '@strata/runtime';
import {
  adamw,
  gatherIds,
  gatherRows,
  schedule,
  sgd,
  type Batches,
  type FitOptions,
  type Optimizer,
} from '@strata/training';
import type { NetworkParams } from './params.js';
import type { EncodedRows, TabularPlan } from './plan.js';

/** Steps that a training of unspecified length aims at: no more epochs than EPOCHS, unless few rows make fewer steps than FEW_STEPS of them. */
const STEPS = 3000;
const EPOCHS = 60;
const FEW_STEPS = 400;
/** Fewer rows than this give a validation set too small to judge by: all of them train. */
const ROWS_TO_VALIDATE = 500;
/** Steps without an improvement that a training of unspecified patience allows: an epoch of few rows is too short to judge by. */
const PATIENCE_STEPS = 500;

/** @throws StrataError `invalid_parameter` */
export function optimizerOf(p: NetworkParams): Optimizer {
  return p.solver === 'adam'
    ? adamw({ weightDecay: p.alpha })
    : sgd({ momentum: p.momentum, nesterov: p.nesterovs_momentum && p.momentum > 0, weightDecay: p.alpha });
}

/** Batch size, epochs, patience and learning rate for this many rows; what was left open is chosen by the size of the data. */
export function courseOf(
  p: NetworkParams,
  rows: number,
): Pick<FitOptions, 'batchSize' | 'epochs' | 'schedule'> & { patience: number } {
  const batchSize = p.batch_size ?? Math.min(256, Math.max(16, 2 ** Math.round(Math.log2(Math.max(1, rows / 64)))));
  const steps = Math.ceil(rows / batchSize);
  const epochs =
    p.max_iter ?? Math.max(15, Math.min(EPOCHS, Math.ceil(STEPS / steps)), Math.min(200, Math.ceil(FEW_STEPS / steps)));
  return {
    batchSize,
    epochs,
    patience: p.n_iter_no_change ?? Math.max(10, Math.ceil(PATIENCE_STEPS / steps)),
    schedule: schedule({
      kind: p.learning_rate,
      learningRate: p.learning_rate_init,
      warmupSteps: Math.round(p.warmup_fraction * steps * epochs),
    }),
  };
}

/** Share of the training rows that is kept for validation. */
export const validationShare = (p: NetworkParams, rows: number): number =>
  p.validation_fraction ?? (rows < ROWS_TO_VALIDATE ? 0 : 0.1);

/** Feeds of encoded rows; `targets` adds what the loss needs. */
export function tabularBatches(
  plan: TabularPlan,
  data: EncodedRows,
  targets: (rows: Int32Array) => Readonly<Record<string, Tensor>> = () => ({}),
): Batches {
  return {
    rows: data.rows,
    feeds: (rows) => ({
      ...(plan.numeric.length ? { numeric: gatherRows(data.numeric, plan.numeric.length, rows) } : {}),
      ...(plan.categorical.length ? { codes: gatherIds(data.codes, plan.categorical.length, rows) } : {}),
      ...targets(rows),
    }),
  };
}

/** All row numbers. */
export const allRows = (rows: number): Int32Array => Int32Array.from({ length: rows }, (_, i) => i);

/** Rows whose target is there; says how many are not. @throws StrataError `empty_data` */
export function rowsWithTarget(
  present: (row: number) => boolean,
  rows: number,
  target: string,
  warn: (message: string) => void,
): Int32Array {
  const kept = allRows(rows).filter(present);
  if (kept.length === 0)
    throw new StrataError('empty_data', `no row has a value in the target column "${target}".`, {
      where: { column: target },
    });
  if (kept.length < rows) warn(`${rows - kept.length} of ${rows} rows have no "${target}" and are left out`);
  return kept;
}
