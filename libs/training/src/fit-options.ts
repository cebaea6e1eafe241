import type { OrderOptions } from './batch-order.js';
import type { BatchSource } from './data-loader.js';
import type { FitContext } from './phases.js';
import type { Schedule } from './schedule.js';
import type { TrainStep } from './step.js';
import type { Feeds, Weights } from './trainer.js';
import type { Validation } from './validation.js';

export interface FitOptions {
  readonly ctx: FitContext;
  readonly step: TrainStep;
  /** The rows; with `batchModule` they may be prepared in a thread of their own while the runtime computes. */
  readonly data: BatchSource;
  /** Passes over the data; without it `maxSteps` ends the training. */
  readonly epochs?: number;
  /** Optimiser steps after which training ends, also within an epoch. */
  readonly maxSteps?: number;
  /** Rows of a micro-batch: of what runs at once. */
  readonly batchSize: number;
  /** Micro-batches whose gradients are averaged by their rows into one optimiser step; the last step of an epoch may have fewer. */
  readonly accumulate?: number;
  /** How rows become batches: shuffled by default. */
  readonly order?: Omit<OrderOptions, 'batchSize'>;
  readonly schedule: Schedule;
  readonly validation?: Validation;
  /** Steps between validations; without it each epoch ends with one. The end of training always has one. */
  readonly validateEvery?: number;
  /** First weights of some or all parameters; the others are drawn by their initialisers. */
  readonly initial?: Weights;
  /** Tokens of a micro-batch, for the rate that is reported; by default the elements of `input_ids`, where there is such an input. */
  readonly tokens?: (feeds: Feeds) => number;
  /** Ends the training when the loss has risen for good; default true. Switch it off where a loss may rise, as in games of two models. */
  readonly watchLoss?: boolean;
  /** Estimates memory and time before the first step, and refuses what cannot fit; default true. */
  readonly preflight?: boolean;
}
