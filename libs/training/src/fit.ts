import { performance } from 'node:perf_hooks';
import type { Checkpoint } from '@strata/contracts';
import { StrataError } from '@strata/kernel';
import type { Tensor } from '@strata/runtime';
import { createOrder, type OrderOptions } from './batch-order.js';
import { findBlame } from './blame.js';
import { course, createFeeder, type LoadedStep } from './course.js';
import { createLoader, type BatchSource } from './data-loader.js';
import {
  checkpointOf,
  copyOf,
  epochOf,
  firstState,
  restoreBest,
  restoreState,
  type EpochRecord,
  type RunShape,
  type State,
} from './fit-state.js';
import type { FitContext } from './phases.js';
import type { Schedule } from './schedule.js';
import type { TrainStep } from './step.js';
import { createTrainer, initialWeights, type Feeds, type Trainer, type Weights } from './trainer.js';
import { judge, scoresOf, type Validation } from './validation.js';
import { divergedLoss, watchLoss } from './watchdog.js';

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
  /** Further feeds of one micro-batch: a pure function of the step (0-based), the batch's rows and the micro-batch of the step. */
  readonly extraFeeds?: (step: number, rows: number, micro: number) => Readonly<Record<string, Tensor>>;
  readonly validation?: Validation;
  /** Steps between validations; without it each epoch ends with one. The end of training always has one. */
  readonly validateEvery?: number;
  /** First weights of some or all parameters; the others are drawn by their initialisers. */
  readonly initial?: Weights;
  /** Tokens of a micro-batch, for the rate that is reported; by default the elements of `input_ids`, where there is such an input. */
  readonly tokens?: (feeds: Feeds) => number;
  /** Ends the training when the loss has risen for good; default true. Switch it off where a loss may rise, as in games of two models. */
  readonly watchLoss?: boolean;
}

export interface FitResult {
  /** The best weights by the monitored metric, or the last ones when nothing is monitored; their moving averages where the step keeps those. Buffers are among them. */
  readonly weights: Weights;
  /** The weights after the last step, averaged likewise. */
  readonly last: Weights;
  /** 1-based epoch that `weights` come from. */
  readonly epoch: number;
  /** Step after which `weights` were as they are here. */
  readonly bestStep: number;
  readonly steps: number;
  readonly stoppedEarly: boolean;
  readonly history: readonly EpochRecord[];
}

/** Points of a training curve that are reported; more would drown the events of the job. */
const REPORTS = 200;

/**
 * Trains by mini-batches until the epochs or steps are done or early stopping ends it. Calls `ctx.step` after every step and saves a checkpoint when one is due. Run
 * again with the same arguments after an interruption, it goes on from the checkpoint and ends with the same bits, on a CPU with the same features and thread count:
 * order, masks and rates are functions of seed and step, everything else is in the checkpoint.
 * @throws StrataError `diverged`, `checkpoint_mismatch`, `empty_data`, `invalid_parameter`
 */
export async function fit(options: FitOptions): Promise<FitResult> {
  const { ctx, step, data, batchSize, schedule, accumulate = 1, validateEvery } = options;
  checkCounts(options);
  const order = createOrder(data.rows, ctx.rng.fork('order'), { ...options.order, batchSize });
  const total = lengthOf(options, Math.ceil(order.perEpoch / accumulate));
  const shape: RunShape = {
    rows: data.rows,
    steps: total,
    batchSize,
    accumulate,
    seed: ctx.rng.getState().seed,
    parameters: step.parameters.length,
  };
  const seed = ctx.rng.fork('random').getState().seed;
  const first = initialWeights(step, ctx.rng.fork('weights'), options.initial);
  const trainer = await createTrainer(step, first, {
    threads: ctx.threads,
    device: ctx.device.kind,
    seed,
    guard: true,
  });
  let loader: ReturnType<typeof createLoader> | undefined;
  try {
    let state = firstState();
    let best: Weights | undefined;
    const stored = await ctx.checkpoint.load();
    if (stored) {
      state = restoreState(ctx, stored, shape);
      trainer.restore(stored.tensors);
      if (state.best) best = restoreBest(step, stored, trainer.weights());
      ctx.log.info({ step: state.step, epoch: state.epoch + 1 }, 'going on from a checkpoint');
    }
    const snapshot = async (): Promise<Checkpoint> => {
      await trainer.sync();
      return checkpointOf(step, state, shape, ctx, trainer.save(), best);
    };
    const report = createReporter(options, trainer, total, state.step);
    loader = createLoader(data, total - state.step);
    const next = createFeeder(course(order, accumulate, state), loader, total - state.step);

    while (state.step < total && !state.stopped) {
      const loaded = await next();
      const rate = schedule(state.step, total);
      const feeds = withExtras(options, loaded, state.step);
      const skipped = trainer.skipped();
      const loss = await trainer.step(feeds, state.step + 1, rate, sharesOf(loaded));
      // a step that mixed precision left out has no loss that says anything
      const counts = trainer.skipped() === skipped;
      if (counts && !Number.isFinite(loss + (trainer.gradientNorm() ?? 0)))
        throw await blamed(options, trainer, state, { feeds, rate, loss, seed });
      Object.assign(state, loaded.after);
      if (counts) note(options, state, loss, loaded.rows);
      report(state, loaded, feeds, rate);

      const epochEnds = state.batch === 0;
      if (state.step === total || (validateEvery === undefined ? epochEnds : state.step % validateEvery === 0)) {
        await trainer.sync();
        best = await validate(options, state, total, trainer, best);
      }
      await ctx.step(snapshot);
      if (ctx.checkpoint.due()) await ctx.checkpoint.save(await snapshot());
    }
    await trainer.sync();
    const last = copyOf(step, finalOf(trainer));
    checkFinite(last, state);
    return {
      weights: best ?? last,
      last,
      epoch: state.best?.epoch ?? epochOf(state),
      bestStep: state.best?.step ?? state.step,
      steps: state.step,
      stoppedEarly: state.stopped,
      history: state.history,
    };
  } finally {
    await loader?.close();
    await trainer.release();
  }
}

function checkCounts({ epochs, maxSteps, accumulate, validateEvery, batchSize }: FitOptions): void {
  for (const [name, value] of Object.entries({ epochs, maxSteps, accumulate, validateEvery, batchSize }))
    if (value !== undefined && !(Number.isInteger(value) && value > 0))
      throw new StrataError('invalid_parameter', `${name} must be a whole number above 0, not ${value}`);
}

/** Optimiser steps of the whole training. @throws StrataError `invalid_parameter` */
function lengthOf({ epochs, maxSteps }: FitOptions, perEpoch: number): number {
  const total = Math.min(maxSteps ?? Infinity, (epochs ?? Infinity) * perEpoch);
  if (total === Infinity)
    throw new StrataError('invalid_parameter', 'training needs an end: give epochs, maxSteps or both');
  return total;
}

const withExtras = ({ extraFeeds }: FitOptions, { parts, feeds }: LoadedStep, step: number): readonly Feeds[] =>
  extraFeeds ? feeds.map((f, i) => ({ ...f, ...extraFeeds(step, parts[i]?.rows.length ?? 0, i) })) : feeds;

/** What each micro-batch counts for; nothing when all have as many rows. */
function sharesOf({ parts, rows }: LoadedStep): readonly number[] | undefined {
  const sizes = parts.map((p) => p.rows.length);
  return sizes.every((n) => n === sizes[0]) ? undefined : sizes.map((n) => n / rows);
}

/** Adds a step's loss to the tallies and lets the watchdog judge it. @throws StrataError `diverged` */
function note({ ctx, watchLoss: watched = true }: FitOptions, state: State, loss: number, rows: number): void {
  for (const tally of [state.sinceValidation, state.sinceReport]) {
    tally.loss += loss * rows;
    tally.rows += rows;
  }
  const { losses, spike, diverged } = watchLoss(state.losses, loss);
  state.losses = losses;
  if (spike && watched)
    ctx.log.warn({ step: state.step, loss, usual: spike.usual }, 'the loss jumped far above its course');
  if (diverged && watched) throw divergedLoss(state.step, diverged);
}

const mean = (t: { loss: number; rows: number }): number => t.loss / t.rows;
const finalOf = (trainer: Trainer): Weights => trainer.averaged() ?? trainer.weights();

/** Reports progress after each step and metrics at some. */
function createReporter(options: FitOptions, trainer: Trainer, total: number, firstStep: number) {
  const { ctx, tokens = (f: Feeds) => f['input_ids']?.data.length ?? 0 } = options;
  const every = Math.max(1, Math.floor(total / REPORTS));
  const began = performance.now();
  let since = { at: began, rows: 0, tokens: 0, waited: 0 };
  return (state: State, loaded: LoadedStep, feeds: readonly Feeds[], rate: number): void => {
    since.rows += loaded.rows;
    since.waited += loaded.waited;
    since.tokens += feeds.reduce((n, f) => n + tokens(f), 0);
    const now = performance.now();
    if (state.step % every === 0 && state.sinceReport.rows > 0) {
      const seconds = Math.max(1e-3, (now - since.at) / 1000);
      const norm = trainer.gradientNorm();
      ctx.metrics(state.step, {
        train_loss: mean(state.sinceReport),
        learning_rate: rate,
        samples_per_second: since.rows / seconds,
        ...(since.tokens > 0 ? { tokens_per_second: since.tokens / seconds } : {}),
        ...(norm !== undefined && Number.isFinite(norm) ? { gradient_norm: norm } : {}),
        data_wait_ms_per_second: since.waited / seconds,
      });
      since = { at: now, rows: 0, tokens: 0, waited: 0 };
      state.sinceReport = { loss: 0, rows: 0 };
    }
    const perStep = (now - began) / 1000 / (state.step - firstStep);
    ctx.progress({ step: state.step, total, eta_s: perStep * (total - state.step) });
  };
}

/** Validation, history, early stopping. Gives the best weights so far. */
async function validate(
  { ctx, validation, step }: FitOptions,
  state: State,
  total: number,
  trainer: Trainer,
  best: Weights | undefined,
): Promise<Weights | undefined> {
  const at = { epoch: epochOf(state), step: state.step };
  const weights = finalOf(trainer);
  const scores = validation ? await scoresOf(validation, weights, `after step ${at.step} (epoch ${at.epoch})`) : {};
  state.history.push({ ...scores, ...at, train_loss: mean(state.sinceValidation) });
  state.sinceValidation = { loss: 0, rows: 0 };
  if (!validation) return undefined;
  ctx.metrics(state.step, { epoch: at.epoch, ...scores });
  const { keep, stop, ...standing } = judge(validation, scores, at, state);
  Object.assign(state, standing);
  if (stop && state.step < total) {
    state.stopped = true;
    ctx.log.info(
      { ...at, best_epoch: state.best?.epoch, best_step: state.best?.step },
      `${validation.earlyStopping?.monitor} has not improved in ${validation.earlyStopping?.patience} validations: training stops`,
    );
  }
  return keep ? copyOf(step, weights) : best;
}

interface Failure {
  readonly feeds: readonly Feeds[];
  readonly rate: number;
  readonly loss: number;
  readonly seed: number;
}

/** The error of a loss or gradient that is not finite, naming the layer where that began. */
async function blamed(
  { step }: FitOptions,
  trainer: Trainer,
  state: State,
  { feeds, rate, loss, seed }: Failure,
): Promise<StrataError> {
  await trainer.sync();
  const t = state.step + 1;
  const epoch = state.epoch + 1;
  const blame = await findBlame({ step, weights: trainer.weights(), batches: feeds, t, seed });
  return new StrataError(
    'diverged',
    `training diverged: ${Number.isFinite(loss) ? 'a gradient is not finite' : `the loss is ${loss}`} at step ${t} (epoch ${epoch}, learning rate ${rate})` +
      `${blame ? `; ${blame.story}` : ''}. ` +
      (blame?.kind === 'input'
        ? 'Clean the data.'
        : 'Lower the learning rate, or look for extreme values in the data.'),
    blame ? { where: { layer: blame.layer, node: blame.node } } : {},
  );
}

function checkFinite(weights: Weights, state: State): void {
  for (const [name, t] of Object.entries(weights))
    if (!t.data.every(Number.isFinite))
      throw new StrataError(
        'diverged',
        `weights of "${name}" are not finite after step ${state.step}. Lower the learning rate.`,
        { where: { layer: name } },
      );
}
