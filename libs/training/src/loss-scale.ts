import { StrataError } from '@strata/kernel';

/** Settings of dynamic loss scaling; the defaults are PyTorch's `GradScaler`'s. */
export interface LossScaleOptions {
  readonly initial?: number;
  /** Factor after `interval` good steps in a row. */
  readonly growth?: number;
  /** Factor after a step whose gradients were not finite. */
  readonly backoff?: number;
  readonly interval?: number;
}

export interface LossScaleState {
  readonly scale: number;
  /** Good steps since the scale last changed. */
  readonly good: number;
}

export const firstScale = ({ initial = 65536 }: LossScaleOptions): LossScaleState => ({ scale: initial, good: 0 });

/** The scale after a step. A scale at the limit of float32 stays. */
export function nextScale(
  { growth = 2, backoff = 0.5, interval = 2000 }: LossScaleOptions,
  { scale, good }: LossScaleState,
  finite: boolean,
): LossScaleState {
  if (!finite) return { scale: scale * backoff, good: 0 };
  if (good + 1 < interval) return { scale, good: good + 1 };
  return { scale: Number.isFinite(Math.fround(scale * growth)) ? scale * growth : scale, good: 0 };
}

/** Below the smallest normal float32 the scale can only be a sign of a model that gives no finite gradient at all. */
export function checkScale({ scale }: LossScaleState): void {
  if (scale < 2 ** -126)
    throw new StrataError(
      'diverged',
      'no loss scale gives finite gradients: the model itself overflows. Train in float32 to find the layer.',
    );
}
