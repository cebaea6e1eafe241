import type { Checkpoint } from '@strata/contracts';
import { StrataError } from '@strata/kernel';
import { createOrder, type BatchOrder } from './batch-order.js';
import { findBlame } from './blame.js';
import { course, createFeeder, type LoadedStep } from './course.js';
import { createLoader, type Loader } from './data-loader.js';
import type { FitOptions } from './fit-options.js';
import { createReporter, look, meanOf } from './fit-progress.js';
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
import { createTrainer, initialWeights, type Feeds, type Trainer, type Weights } from './trainer.js';
import { judge, scoresOf } from './validation.js';
import { divergedLoss, watchLoss } from './watchdog.js';

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

/**
 * Trains by mini-batches until the epochs or steps are done or early stopping ends it. Calls `ctx.step` after every step and saves a checkpoint when one is due. Run
 * again with the same arguments after an interruption, it goes on from the checkpoint and ends with the same bits, on a CPU with the same features and thread count:
 * order, masks and rates are functions of seed and step, everything else is in the checkpoint.
 * @throws StrataError `diverged`, `checkpoint_mismatch`, `empty_data`, `invalid_parameter`, `does_not_fit`
 */
export async function fit(options: FitOptions): Promise<FitResult> {
  const { ctx, step, data, batchSize, accumulate = 1 } = options;
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
  const stored = await ctx.checkpoint.load();
  const state = stored ? restoreState(ctx, stored, shape) : firstState();
  const loader = createLoader(data, total - state.step);
  let trainer: Trainer | undefined;
  try {
    if (options.preflight ?? true) await look(options, order, loader, state, total);
    trainer = await createTrainer(step, initialWeights(step, ctx.rng.fork('weights'), options.initial), {
      threads: ctx.threads,
      device: ctx.device.kind,
      seed,
      guard: true,
    });
    return await train({ options, trainer, order, loader, state, stored, total, shape, seed });
  } finally {
    await loader.close();
    await trainer?.release();
  }
}

interface Training {
  readonly options: FitOptions;
  readonly trainer: Trainer;
  readonly order: BatchOrder;
  readonly loader: Loader;
  readonly state: State;
  readonly stored: Checkpoint | undefined;
  readonly total: number;
  readonly shape: RunShape;
  readonly seed: number;
}

/** The loop itself. */
async function train({
  options,
  trainer,
  order,
  loader,
  state,
  stored,
  total,
  shape,
  seed,
}: Training): Promise<FitResult> {
  const { ctx, step, schedule, accumulate = 1, validateEvery } = options;
  let best: Weights | undefined;
  if (stored) {
    trainer.restore(stored.tensors);
    if (state.best) best = restoreBest(step, stored, trainer.weights());
    ctx.log.info({ step: state.step, epoch: state.epoch + 1 }, 'going on from a checkpoint');
  }
  const snapshot = async (): Promise<Checkpoint> => {
    await trainer.sync();
    return checkpointOf(step, state, shape, ctx, trainer.save(), best);
  };
  const report = createReporter(options, trainer, total, state.step);
  const next = createFeeder(course(order, accumulate, state), loader, total - state.step);

  while (state.step < total && !state.stopped) {
    const loaded = await next();
    const rate = schedule(state.step, total);
    const { feeds } = loaded;
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

const finalOf = (trainer: Trainer): Weights => trainer.averaged() ?? trainer.weights();

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
  state.history.push({ ...scores, ...at, train_loss: meanOf(state.sinceValidation) });
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
