import { StrataError } from '@strata/kernel';
import type { Batches } from './batches.js';
import type { Evaluator, OutputStream } from './evaluate.js';
import type { Weights } from './trainer.js';

/** Metrics of the validation rows, for example `valid_loss` and `valid_accuracy`. They must be finite. */
export type Scores = Readonly<Record<string, number>>;

/** Scores from one output of all rows, which is held in memory. */
interface WholeOutput {
  /** Output of the evaluator's graph that `score` takes. */
  readonly output: string;
  readonly score: (output: Float32Array) => Scores;
}

/** Scores from outputs batch by batch: for outputs that are too large to keep, such as logits of every token. */
interface StreamedOutputs {
  /** Outputs of the evaluator's graph that `stream` takes. */
  readonly outputs: readonly string[];
  /** Begins a pass over the rows. */
  readonly stream: () => OutputStream;
}

export interface Monitor {
  /** Name of a score. */
  readonly monitor: string;
  readonly mode: 'min' | 'max';
}

export interface EarlyStopping extends Monitor {
  /** Validations without an improvement by more than `tolerance` before training stops. */
  readonly patience: number;
  readonly tolerance: number;
}

export type Validation = {
  readonly evaluator: Evaluator;
  readonly data: Batches;
  /** Rows that are run at once; 1024 when absent. */
  readonly batchSize?: number;
  /** Keeps the weights of the best validation, which the training then gives; early stopping does so too. */
  readonly keepBest?: Monitor;
  readonly earlyStopping?: EarlyStopping;
} & (WholeOutput | StreamedOutputs);

/** Scores of the weights. @throws StrataError `diverged` when one is not finite */
export async function scoresOf(validation: Validation, weights: Weights, when: string): Promise<Scores> {
  const { evaluator, data, batchSize } = validation;
  const scores =
    'score' in validation
      ? validation.score(await evaluator.run(weights, data, validation.output, batchSize))
      : await streamed(validation, weights);
  for (const [name, value] of Object.entries(scores))
    if (!Number.isFinite(value))
      throw new StrataError('diverged', `${name} is ${value} ${when}. Lower the learning rate.`);
  return scores;
}

async function streamed(validation: Validation & StreamedOutputs, weights: Weights): Promise<Scores> {
  const { evaluator, data, batchSize, outputs } = validation;
  const stream = validation.stream();
  await evaluator.stream(weights, data, outputs, stream.add, batchSize);
  return stream.end();
}

/** What early stopping remembers. */
export interface Standing {
  readonly best: { readonly epoch: number; readonly step: number; readonly value: number } | null;
  /** Validations since the last improvement by more than the tolerance. */
  readonly waited: number;
}

/** The standing after a validation, and what it asks for. @throws StrataError `internal` when the monitored score is missing */
export function judge(
  validation: Validation,
  scores: Scores,
  at: { readonly epoch: number; readonly step: number },
  { best, waited }: Standing,
): Standing & { readonly keep: boolean; readonly stop: boolean } {
  const { earlyStopping, keepBest } = validation;
  const watched = earlyStopping ?? keepBest;
  if (!watched) return { best, waited, keep: false, stop: false };
  const value = scores[watched.monitor];
  if (value === undefined)
    throw new StrataError('internal', `early stopping watches "${watched.monitor}", which is not scored`);
  const gain = best ? (watched.mode === 'min' ? best.value - value : value - best.value) : Infinity;
  // any gain keeps the weights; only a gain above the tolerance resets the patience
  const since = gain > (earlyStopping?.tolerance ?? 0) ? 0 : waited + 1;
  return {
    best: gain > 0 ? { ...at, value } : best,
    waited: since,
    keep: gain > 0,
    stop: earlyStopping !== undefined && since >= earlyStopping.patience,
  };
}
