import { StrataError } from '@strata/kernel';

/** Learning rate of step `step` (0-based) of `total`. A pure function: nothing to store in a checkpoint. */
export type Schedule = (step: number, total: number) => number;

export interface ScheduleOptions {
  readonly kind: 'constant' | 'linear' | 'cosine';
  readonly learningRate: number;
  /** Steps over which the rate rises in a straight line from learningRate/warmup to learningRate. */
  readonly warmupSteps?: number;
  /** Rate at the last step, as a share of learningRate; default 0. `constant` has none. */
  readonly endFactor?: number;
}

/**
 * Constant, linear or cosine (SGDR without restarts, Loshchilov & Hutter 2017) after an optional linear warm-up.
 * After the warm-up, with u = elapsed share of the remaining steps:
 * linear: η(1 − (1 − e)u); cosine: η(e + (1 − e)(1 + cos πu)/2).
 * @throws StrataError `invalid_parameter`
 */
export function schedule({ kind, learningRate, warmupSteps = 0, endFactor = 0 }: ScheduleOptions): Schedule {
  if (!(learningRate > 0) || !Number.isFinite(learningRate))
    throw new StrataError('invalid_parameter', `the learning rate must be a positive number, not ${learningRate}`);
  return (step, total) => {
    if (step < warmupSteps) return (learningRate * (step + 1)) / warmupSteps;
    if (kind === 'constant') return learningRate;
    const u = Math.min(1, (step - warmupSteps) / Math.max(1, total - warmupSteps - 1));
    const share =
      kind === 'linear' ? 1 - (1 - endFactor) * u : endFactor + ((1 - endFactor) * (1 + Math.cos(Math.PI * u))) / 2;
    return learningRate * share;
  };
}
