import { performance } from 'node:perf_hooks';
import type { Checkpoint } from '@strata/contracts';
import { StrataError } from '@strata/kernel';
import { cpuFeatures, type Tensor } from '@strata/runtime';
import { epochOrder, type Batches } from './batches.js';
import type { Evaluator, OutputStream } from './evaluate.js';
import type { FitContext } from './phases.js';
import type { Schedule } from './schedule.js';
import type { TrainStep } from './step.js';
import { createTrainer, initialWeights, type Weights } from './trainer.js';
import { bytesOf, floatsOf } from './trainer-state.js';

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

export type Validation = {
  readonly evaluator: Evaluator;
  readonly data: Batches;
  /** Rows that are run at once; 1024 when absent. */
  readonly batchSize?: number;
  readonly earlyStopping?: {
    readonly monitor: string;
    readonly mode: 'min' | 'max';
    /** Validations without an improvement by more than `tolerance` before training stops. */
    readonly patience: number;
    readonly tolerance: number;
  };
} & (WholeOutput | StreamedOutputs);

export interface FitOptions {
  readonly ctx: FitContext;
  readonly step: TrainStep;
  readonly data: Batches;
  /** Passes over the data; without it `maxSteps` ends the training. */
  readonly epochs?: number;
  /** Optimiser steps after which training ends, also within an epoch. */
  readonly maxSteps?: number;
  /** Rows of a micro-batch: of what runs at once. */
  readonly batchSize: number;
  /** Micro-batches whose gradients are averaged into one optimiser step; the last step of an epoch may have fewer. */
  readonly accumulate?: number;
  readonly schedule: Schedule;
  /** Further feeds of one micro-batch, such as dropout masks: a pure function of the step (0-based), the batch's rows and the micro-batch of the step. */
  readonly extraFeeds?: (step: number, rows: number, micro: number) => Readonly<Record<string, Tensor>>;
  readonly validation?: Validation;
  /** Steps between validations; without it each epoch ends with one. The end of training always has one. */
  readonly validateEvery?: number;
  /** First weights of some or all parameters; the others are drawn by their initialisers. */
  readonly initial?: Weights;
}

export interface EpochRecord extends Readonly<Record<string, number>> {
  readonly epoch: number;
  readonly step: number;
  readonly train_loss: number;
}

export interface FitResult {
  /** The best weights by the monitored metric, or the last ones when nothing is monitored. */
  readonly weights: Weights;
  /** 1-based epoch that the weights come from. */
  readonly epoch: number;
  /** Step after which the weights were as they are here. */
  readonly bestStep: number;
  readonly steps: number;
  readonly stoppedEarly: boolean;
  readonly history: readonly EpochRecord[];
}

/** Points of a training curve that are reported; more would drown the events of the job. */
const REPORTS = 200;

interface State {
  /** Steps done, epochs done, micro-batches done of the epoch under way. */
  step: number;
  epoch: number;
  batch: number;
  /** Sum of batch losses times rows, and rows, since the last validation and since the last report. */
  epochLoss: number;
  epochRows: number;
  reportLoss: number;
  reportRows: number;
  best: { epoch: number; step: number; value: number } | null;
  /** Validations since the best one. */
  waited: number;
  stopped: boolean;
  history: EpochRecord[];
}

interface Machine {
  threads: number;
  device: string;
  features: string;
}

const BEST = 'best/';

/**
 * Trains by mini-batches until the epochs are done or early stopping ends it. Calls `ctx.step` after every step and saves a checkpoint when one is due. Run
 * again with the same arguments after an interruption, it goes on from the checkpoint and ends with the same bits, on a CPU with the same features and thread count:
 * order, masks and rates are functions of seed and step, everything else is in the checkpoint.
 * @throws StrataError `diverged`, `checkpoint_mismatch`, `empty_data`
 */
export async function fit(options: FitOptions): Promise<FitResult> {
  const { ctx, step, data, batchSize, schedule } = options;
  if (data.rows === 0) throw new StrataError('empty_data', 'there is no row to train on');
  const batches = Math.ceil(data.rows / batchSize);
  const accumulate = options.accumulate ?? 1;
  const total = lengthOf(options, Math.ceil(batches / accumulate));
  const machine: Machine = { threads: ctx.threads, device: ctx.device.kind, features: cpuFeatures().join(' ') };
  // what must be the same for a checkpoint to fit this call
  const shape = {
    rows: data.rows,
    steps: total,
    batchSize,
    accumulate,
    seed: ctx.rng.getState().seed,
    parameters: step.parameters.length,
  };

  const first = { ...initialWeights(step, ctx.rng.fork('weights')), ...options.initial };
  const trainer = await createTrainer(step, first, {
    threads: ctx.threads,
    device: ctx.device.kind,
    seed: ctx.rng.fork('random').getState().seed,
  });
  try {
    let state: State = {
      step: 0,
      epoch: 0,
      batch: 0,
      epochLoss: 0,
      epochRows: 0,
      reportLoss: 0,
      reportRows: 0,
      best: null,
      waited: 0,
      stopped: false,
      history: [],
    };
    let best: Weights | undefined;

    const stored = await ctx.checkpoint.load();
    if (stored) {
      state = restoreState(stored, shape);
      trainer.restore(stored.tensors);
      if (state.best) best = restoreBest(step, stored);
      warnAboutMachine(ctx, stored.state['machine'], machine);
      ctx.log.info({ step: state.step, epoch: state.epoch + 1 }, 'going on from a checkpoint');
    }
    const snapshot = async (): Promise<Checkpoint> => {
      await trainer.sync();
      return {
        step: state.step,
        state: { fit: structuredClone(state), shape, machine },
        tensors: { ...trainer.save(), ...(best ? bestTensors(best) : {}) },
      };
    };

    const began = performance.now();
    const firstStep = state.step;
    const orderRng = ctx.rng.fork('order');
    let order = epochOrder(orderRng, data.rows, state.epoch);
    const reportEvery = Math.max(1, Math.floor(total / REPORTS));
    let reportedAt = began;

    while (state.step < total && !state.stopped) {
      const rate = schedule(state.step, total);
      const micro: Readonly<Record<string, Tensor>>[] = [];
      let rows = 0;
      for (let i = 0; i < accumulate && state.batch < batches; i++, state.batch++) {
        const of = order.subarray(state.batch * batchSize, (state.batch + 1) * batchSize);
        micro.push({ ...data.feeds(of), ...options.extraFeeds?.(state.step, of.length, i) });
        rows += of.length;
      }
      const loss = await trainer.step(micro, state.step + 1, rate);
      if (!Number.isFinite(loss)) throw diverged(state, rate, loss);
      state.step++;
      state.epochLoss += loss * rows;
      state.epochRows += rows;
      state.reportLoss += loss * rows;
      state.reportRows += rows;

      if (state.step % reportEvery === 0) {
        const now = performance.now();
        ctx.metrics(state.step, {
          train_loss: state.reportLoss / state.reportRows,
          learning_rate: rate,
          samples_per_second: state.reportRows / Math.max(1e-3, (now - reportedAt) / 1000),
        });
        reportedAt = now;
        state.reportLoss = 0;
        state.reportRows = 0;
      }
      const epochEnds = state.batch === batches;
      if (epochEnds) {
        state.epoch++;
        state.batch = 0;
        order = epochOrder(orderRng, data.rows, state.epoch);
      }
      const { validateEvery } = options;
      if (state.step === total || (validateEvery === undefined ? epochEnds : state.step % validateEvery === 0)) {
        await trainer.sync();
        best = await validate(options, state, total, trainer.weights(), best);
      }
      const perStep = (performance.now() - began) / 1000 / (state.step - firstStep);
      ctx.progress({ step: state.step, total, eta_s: perStep * (total - state.step) });
      await ctx.step(snapshot);
      if (ctx.checkpoint.due()) await ctx.checkpoint.save(await snapshot());
    }
    await trainer.sync();
    const weights = best ?? copyOf(trainer.weights());
    checkFinite(weights, state);
    return {
      weights,
      epoch: state.best?.epoch ?? epochOf(state),
      bestStep: state.best?.step ?? state.step,
      steps: state.step,
      stoppedEarly: state.stopped,
      history: state.history,
    };
  } finally {
    await trainer.release();
  }
}

/** Optimiser steps of the whole training. @throws StrataError `invalid_parameter` */
function lengthOf({ epochs, maxSteps, accumulate, validateEvery, batchSize }: FitOptions, perEpoch: number): number {
  for (const [name, value] of Object.entries({ epochs, maxSteps, accumulate, validateEvery, batchSize }))
    if (value !== undefined && !(Number.isInteger(value) && value > 0))
      throw new StrataError('invalid_parameter', `${name} must be a whole number above 0, not ${value}`);
  const total = Math.min(maxSteps ?? Infinity, (epochs ?? Infinity) * perEpoch);
  if (total === Infinity)
    throw new StrataError('invalid_parameter', 'training needs an end: give epochs, maxSteps or both');
  return total;
}

/** The 1-based epoch that the last step belongs to. */
const epochOf = (state: State): number => (state.batch === 0 ? state.epoch : state.epoch + 1);

/** Validation, history, early stopping. Gives the best weights so far. */
async function validate(
  { ctx, validation }: FitOptions,
  state: State,
  total: number,
  weights: Weights,
  best: Weights | undefined,
): Promise<Weights | undefined> {
  const epoch = epochOf(state);
  const scores = validation ? await score(validation, weights) : {};
  for (const [name, value] of Object.entries(scores))
    if (!Number.isFinite(value))
      throw new StrataError(
        'diverged',
        `${name} is ${value} after step ${state.step} (epoch ${epoch}). Lower the learning rate.`,
      );
  state.history.push({ ...scores, epoch, step: state.step, train_loss: state.epochLoss / state.epochRows });
  state.epochLoss = 0;
  state.epochRows = 0;
  if (Object.keys(scores).length > 0) ctx.metrics(state.step, { epoch, ...scores });

  const stopping = validation?.earlyStopping;
  if (!stopping) return undefined;
  const value = scores[stopping.monitor];
  if (value === undefined)
    throw new StrataError('internal', `early stopping watches "${stopping.monitor}", which is not scored`);
  const gain = state.best ? (stopping.mode === 'min' ? state.best.value - value : value - state.best.value) : Infinity;
  // any gain keeps the weights; only a gain above the tolerance resets the patience
  if (gain > stopping.tolerance) state.waited = 0;
  else state.waited++;
  let kept = best;
  if (gain > 0) {
    state.best = { epoch, step: state.step, value };
    kept = copyOf(weights);
  }
  if (state.waited >= stopping.patience && state.step < total) {
    state.stopped = true;
    ctx.log.info(
      { epoch, step: state.step, best_epoch: state.best?.epoch, best_step: state.best?.step },
      `${stopping.monitor} has not improved in ${stopping.patience} validations: training stops`,
    );
  }
  return kept;
}

async function score(validation: Validation, weights: Weights): Promise<Scores> {
  const { evaluator, data, batchSize } = validation;
  if ('score' in validation) return validation.score(await evaluator.run(weights, data, validation.output, batchSize));
  const stream = validation.stream();
  await evaluator.stream(weights, data, validation.outputs, stream.add, batchSize);
  return stream.end();
}

const copyOf = (weights: Weights): Weights =>
  Object.fromEntries(Object.entries(weights).map(([n, t]) => [n, { ...t, data: t.data.slice() }]));

const bestTensors = (best: Weights): Record<string, Uint8Array> =>
  Object.fromEntries(Object.entries(best).map(([n, t]) => [BEST + n, bytesOf(t.data)]));

function restoreState(stored: Checkpoint, shape: Readonly<Record<string, number>>): State {
  const was = stored.state['shape'];
  if (JSON.stringify(was) !== JSON.stringify(shape))
    throw new StrataError(
      'checkpoint_mismatch',
      `the checkpoint was made with other data or parameters (${JSON.stringify(was)}, now ${JSON.stringify(shape)}). Start the job afresh.`,
    );
  // written by snapshot() of this file, under the same shape
  return structuredClone(stored.state['fit']) as State;
}

function restoreBest(step: TrainStep, stored: Checkpoint): Weights {
  return Object.fromEntries(
    step.parameters.map((p) => {
      const bytes = stored.tensors[BEST + p.name];
      if (!bytes) throw new StrataError('checkpoint_mismatch', `the checkpoint lacks the best weights of "${p.name}"`);
      return [p.name, { dtype: 'float32' as const, dims: p.shape, data: floatsOf(bytes) }];
    }),
  );
}

function warnAboutMachine(ctx: FitContext, was: unknown, now: Machine): void {
  if (now.device !== 'cpu')
    ctx.log.warn({ device: now.device }, 'going on from a checkpoint: only a CPU promises the identical result');
  if (JSON.stringify(was) !== JSON.stringify(now))
    ctx.log.warn(
      { was: JSON.stringify(was), now: JSON.stringify(now) },
      'the checkpoint comes from a machine with other threads, device or processor features: the result may differ in its last bits',
    );
}

const diverged = (state: State, rate: number, loss: number): StrataError =>
  new StrataError(
    'diverged',
    `training diverged: the loss is ${loss} at step ${state.step + 1} (epoch ${state.epoch + 1}, learning rate ${rate}). Lower the learning rate, or look for extreme values in the data.`,
  );

function checkFinite(weights: Weights, state: State): void {
  for (const [name, t] of Object.entries(weights))
    if (!t.data.every(Number.isFinite))
      throw new StrataError(
        'diverged',
        `weights of "${name}" are not finite after step ${state.step}. Lower the learning rate.`,
        {
          where: { layer: name },
        },
      );
}
