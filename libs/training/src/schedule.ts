import { StrataError } from '@strata/kernel';

/** Learning rate of step `step` (0-based) of `total`. A pure function: nothing to store in a checkpoint. */
export type Schedule = (step: number, total: number) => number;

interface Common {
  readonly learningRate: number;
  /** Steps over which the rate rises in a straight line from learningRate/warmup to learningRate. */
  readonly warmupSteps?: number;
}

interface Falling {
  /** Rate at the last step, as a share of learningRate; default 0. `constant` has none. */
  readonly endFactor?: number;
}

export type ScheduleOptions =
  | (Common & Falling & { readonly kind: 'constant' | 'linear' | 'cosine' })
  /** η(e + (1 − e)(1 − u)ᵖ) */
  | (Common & Falling & { readonly kind: 'polynomial'; readonly power?: number })
  /** × gamma every `stepSize` steps. */
  | (Common & { readonly kind: 'step'; readonly stepSize: number; readonly gamma?: number })
  /** × gamma at each of these steps, counted from the end of the warm-up. */
  | (Common & { readonly kind: 'multistep'; readonly milestones: readonly number[]; readonly gamma?: number })
  /** SGDR (Loshchilov & Hutter 2017): cosines over `period` steps, each `periodFactor` times as long as the one before. */
  | (Common & Falling & { readonly kind: 'cosine_restarts'; readonly period: number; readonly periodFactor?: number })
  /**
   * One cycle (Smith & Topin 2019): from learningRate/divFactor up to learningRate within `peakAt` of all steps, then down to learningRate/divFactor/finalDivFactor, along cosines or lines.
   */
  | {
      readonly kind: 'one_cycle';
      readonly learningRate: number;
      readonly peakAt?: number;
      readonly divFactor?: number;
      readonly finalDivFactor?: number;
      readonly shape?: 'cosine' | 'linear';
    };

/** From a (u = 0) to b (u = 1) along half a cosine or a line. */
const cosine = (a: number, b: number, u: number): number => b + ((a - b) * (1 + Math.cos(Math.PI * u))) / 2;
const line = (a: number, b: number, u: number): number => a + (b - a) * u;

/**
 * Rates as PyTorch's schedulers give them. After the warm-up `linear`, `cosine` and `polynomial` reach `endFactor` at the last step and stay there.
 * @throws StrataError `invalid_parameter`
 */
export function schedule(options: ScheduleOptions): Schedule {
  const { learningRate } = options;
  positive('learning rate', learningRate);
  const share = shareOf(options);
  if (options.kind === 'one_cycle') return (step, total) => learningRate * share(step, total);
  const { warmupSteps = 0 } = options;
  return (step, total) =>
    step < warmupSteps
      ? (learningRate * (step + 1)) / warmupSteps
      : learningRate * share(step - warmupSteps, total - warmupSteps);
}

/** The rate as a share of the learning rate, at `step` of `total` steps after the warm-up. */
function shareOf(options: ScheduleOptions): Schedule {
  const elapsed = (step: number, total: number): number => Math.min(1, step / Math.max(1, total - 1));
  switch (options.kind) {
    case 'constant':
      return () => 1;
    case 'linear':
      return (step, total) => line(1, options.endFactor ?? 0, elapsed(step, total));
    case 'cosine':
      return (step, total) => cosine(1, options.endFactor ?? 0, elapsed(step, total));
    case 'polynomial': {
      const { power = 1, endFactor = 0 } = options;
      positive('power', power);
      return (step, total) => endFactor + (1 - endFactor) * (1 - elapsed(step, total)) ** power;
    }
    case 'step': {
      const { stepSize, gamma = 0.1 } = options;
      atLeastOne('step size', stepSize);
      return (step) => gamma ** Math.floor(step / stepSize);
    }
    case 'multistep': {
      const { milestones, gamma = 0.1 } = options;
      return (step) => gamma ** milestones.filter((m) => step >= m).length;
    }
    case 'cosine_restarts': {
      const { period, periodFactor = 1, endFactor = 0 } = options;
      atLeastOne('period', period);
      atLeastOne('factor of the period', periodFactor);
      return (step) => {
        let length = period;
        let at = step;
        while (at >= length) {
          at -= length;
          length *= periodFactor;
        }
        return cosine(1, endFactor, at / length);
      };
    }
    case 'one_cycle': {
      const { peakAt = 0.3, divFactor = 25, finalDivFactor = 1e4, shape = 'cosine' } = options;
      positive('first divisor', divFactor);
      positive('last divisor', finalDivFactor);
      if (!(peakAt >= 0 && peakAt <= 1))
        throw new StrataError('invalid_parameter', `the peak must lie between 0 and 1, not at ${peakAt}`);
      const between = shape === 'cosine' ? cosine : line;
      const first = 1 / divFactor;
      return (step, total) => {
        const peak = peakAt * total - 1;
        if (step <= peak) return between(first, 1, peak > 0 ? step / peak : 1);
        return between(1, first / finalDivFactor, Math.min(1, (step - peak) / (total - 1 - peak)));
      };
    }
  }
}

function positive(what: string, value: number): void {
  if (!(value > 0) || !Number.isFinite(value))
    throw new StrataError('invalid_parameter', `the ${what} must be a positive number, not ${value}`);
}

function atLeastOne(what: string, value: number): void {
  if (!(value >= 1) || !Number.isFinite(value))
    throw new StrataError('invalid_parameter', `the ${what} must be 1 or more, not ${value}`);
}
