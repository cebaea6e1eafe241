import type { Checkpoint } from '@strata/contracts';
import { StrataError } from '@strata/kernel';
import { cpuFeatures } from '@strata/runtime';
import type { FitContext } from './phases.js';
import type { TrainStep } from './step.js';
import type { Weights } from './trainer.js';
import { bytesOf, floatsOf } from './trainer-state.js';
import type { Standing } from './validation.js';
import { calm, type LossHistory } from './watchdog.js';

export interface EpochRecord extends Readonly<Record<string, number>> {
  readonly epoch: number;
  readonly step: number;
  readonly train_loss: number;
}

/** Sum of batch losses times rows, and rows. */
export interface Tally {
  loss: number;
  rows: number;
}

/** What a checkpoint holds of a training, besides tensors. */
export interface State extends Standing {
  step: number;
  epoch: number;
  /** Micro-batches done of the epoch under way. */
  batch: number;
  /** Since the last validation, and since the last report. */
  sinceValidation: Tally;
  sinceReport: Tally;
  best: Standing['best'];
  waited: number;
  stopped: boolean;
  losses: LossHistory;
  history: EpochRecord[];
}

export const firstState = (): State => ({
  step: 0,
  epoch: 0,
  batch: 0,
  sinceValidation: { loss: 0, rows: 0 },
  sinceReport: { loss: 0, rows: 0 },
  best: null,
  waited: 0,
  stopped: false,
  losses: calm(),
  history: [],
});

/** The 1-based epoch that the last step belongs to. */
export const epochOf = (state: Pick<State, 'batch' | 'epoch'>): number =>
  state.batch === 0 ? state.epoch : state.epoch + 1;

/** What must be the same for a checkpoint to fit a call. */
export type RunShape = Readonly<Record<string, number>>;

interface Machine {
  readonly threads: number;
  readonly device: string;
  readonly features: string;
}
export const machineOf = (ctx: FitContext): Machine => ({
  threads: ctx.threads,
  device: ctx.device.kind,
  features: cpuFeatures().join(' '),
});

const BEST = 'best/';

/** Weights that change: those that are trained and the buffers. */
const moving = (step: TrainStep): readonly { name: string; shape: readonly number[] }[] => [
  ...step.parameters,
  ...step.buffers,
];

/** A copy of the weights that training changes; frozen ones are shared. */
export function copyOf(step: TrainStep, weights: Weights): Weights {
  const copies = moving(step).map(({ name }) => {
    const t = weights[name] as Weights[string];
    return [name, { ...t, data: t.data.slice() }] as const;
  });
  return { ...weights, ...Object.fromEntries(copies) };
}

export function checkpointOf(
  step: TrainStep,
  state: State,
  shape: RunShape,
  ctx: FitContext,
  tensors: Readonly<Record<string, Uint8Array>>,
  best: Weights | undefined,
): Checkpoint {
  const kept = best ? moving(step).map(({ name }) => [BEST + name, bytesOf((best[name] as Weights[string]).data)]) : [];
  return {
    step: state.step,
    state: { fit: structuredClone(state), shape, machine: machineOf(ctx) },
    tensors: { ...tensors, ...(Object.fromEntries(kept) as Record<string, Uint8Array>) },
  };
}

/** @throws StrataError `checkpoint_mismatch` */
export function restoreState(ctx: FitContext, stored: Checkpoint, shape: RunShape): State {
  const was = stored.state['shape'];
  if (JSON.stringify(was) !== JSON.stringify(shape))
    throw new StrataError(
      'checkpoint_mismatch',
      `the checkpoint was made with other data or parameters (${JSON.stringify(was)}, now ${JSON.stringify(shape)}). Start the job afresh.`,
    );
  warnAboutMachine(ctx, stored.state['machine'], machineOf(ctx));
  // written by checkpointOf, under the same shape
  return structuredClone(stored.state['fit']) as State;
}

/** @param current the weights now, which supply what is frozen. @throws StrataError `checkpoint_mismatch` */
export function restoreBest(step: TrainStep, stored: Checkpoint, current: Weights): Weights {
  const kept = moving(step).map(({ name, shape }) => {
    const bytes = stored.tensors[BEST + name];
    if (!bytes) throw new StrataError('checkpoint_mismatch', `the checkpoint lacks the best weights of "${name}"`);
    return [name, { dtype: 'float32' as const, dims: shape, data: floatsOf(bytes) }] as const;
  });
  return { ...current, ...Object.fromEntries(kept) };
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
