import { StrataError } from '@strata/kernel';

/** The course of the loss, as far as the watchdog needs it. */
export interface LossHistory {
  /** Steps seen. */
  readonly steps: number;
  /** Exponential averages of the loss and of its squared deviation. */
  readonly mean: number;
  readonly variance: number;
  /** The average after WARM_UP steps, and the lowest since. */
  readonly start: number;
  readonly low: number;
}

export const calm = (): LossHistory => ({ steps: 0, mean: 0, variance: 0, start: 0, low: 0 });

/** Steps until the average means something. */
const WARM_UP = 20;
/** Share of a new loss in the averages. */
const SHARE = 0.05;
/** Deviations above the average that make a spike. */
const SPIKE = 8;

export interface Verdict {
  readonly losses: LossHistory;
  /** A loss far above its course, which may pass. */
  readonly spike?: { readonly usual: number; readonly deviations: number };
  /** The average rose above its start by more than the start had ever been lowered, and by its own size: this does not pass. */
  readonly diverged?: { readonly start: number; readonly low: number; readonly now: number };
}

/** Judges the loss of one more step. A pure function, so that a resumed run judges alike. */
export function watchLoss(h: LossHistory, loss: number): Verdict {
  if (h.steps < WARM_UP) {
    // plain averages at first
    const steps = h.steps + 1;
    const mean = h.mean + (loss - h.mean) / steps;
    const variance = h.variance + ((loss - h.mean) * (loss - mean) - h.variance) / steps;
    return { losses: { steps, mean, variance, start: mean, low: mean } };
  }
  const deviations = (loss - h.mean) / Math.sqrt(h.variance + 1e-12);
  const d = loss - h.mean;
  const mean = h.mean + SHARE * d;
  // a spike must not widen the band so far that the next ones pass for usual
  const variance = (1 - SHARE) * (h.variance + SHARE * Math.min(d * d, SPIKE ** 2 * h.variance + 1e-12));
  const losses = { steps: h.steps + 1, mean, variance, start: h.start, low: Math.min(h.low, mean) };
  return {
    losses,
    ...(deviations > SPIKE && loss > h.start ? { spike: { usual: h.mean, deviations } } : {}),
    ...(mean > h.start + Math.max(Math.abs(h.start), h.start - losses.low)
      ? { diverged: { start: h.start, low: losses.low, now: mean } }
      : {}),
  };
}

export const divergedLoss = (step: number, { start, low, now }: NonNullable<Verdict['diverged']>): StrataError =>
  new StrataError(
    'diverged',
    `training diverged: at step ${step} the loss averages ${show(now)}, after ${show(start)} at the start and ${show(low)} at best. ` +
      'Lower the learning rate, lengthen the warm-up, or clip the gradients.',
  );

const show = (x: number): string => String(Number(x.toPrecision(4)));
