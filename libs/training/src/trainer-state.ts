import { StrataError } from '@strata/kernel';
import type { Tensor } from '@strata/runtime';
import { checkScale, firstScale, nextScale, type LossScaleState } from './loss-scale.js';
import type { TrainStep } from './step.js';

/** The numbers as bytes, without a copy. */
export const bytesOf = (values: Float32Array): Uint8Array =>
  new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
/** Bytes as numbers; the copy makes the alignment right. */
export const floatsOf = (bytes: Uint8Array): Float32Array => new Float32Array(Uint8Array.from(bytes).buffer);

/** The tensors of all slots as bytes: views, which the next step changes. */
export const saveSlots = (step: TrainStep, tensorOf: (name: string) => Tensor<'float32'>): Record<string, Uint8Array> =>
  Object.fromEntries(step.slots.map((s) => [s.input, bytesOf(tensorOf(s.input).data)]));

/** @throws StrataError `checkpoint_mismatch` */
export function restoreSlots(
  step: TrainStep,
  tensorOf: (name: string) => Tensor<'float32'>,
  stored: Readonly<Record<string, Uint8Array>>,
): void {
  for (const { input } of step.slots) {
    const bytes = stored[input];
    const { data } = tensorOf(input);
    if (bytes?.byteLength !== data.byteLength)
      throw new StrataError(
        'checkpoint_mismatch',
        `the checkpoint has ${bytes ? `${bytes.byteLength} bytes` : 'nothing'} for "${input}", which needs ${data.byteLength}. Start the job afresh.`,
      );
    new Uint8Array(data.buffer, data.byteOffset, data.byteLength).set(bytes);
  }
}

/** Steps left out and the loss scale: what a trainer remembers besides tensors. */
export interface Ledger {
  scale(): number;
  skipped(): number;
  /** Number of the update that step `t` makes: the steps so far that were not left out. */
  update(t: number): number;
  /** Notes a step. @throws StrataError `diverged` when no scale helps */
  settle(finite: boolean): void;
  save(): Record<string, Uint8Array>;
  restore(stored: Readonly<Record<string, Uint8Array>>): void;
}

const LEDGER = 'trainer/loss_scale';

export function createLedger(step: TrainStep): Ledger {
  const options = step.settings.lossScale;
  let scale: LossScaleState = options ? firstScale(options) : { scale: 1, good: 0 };
  let skipped = 0;
  return {
    scale: () => scale.scale,
    skipped: () => skipped,
    update: (t) => t - skipped,
    settle(finite) {
      if (!options) return;
      if (!finite) skipped++;
      scale = nextScale(options, scale, finite);
      checkScale(scale);
    },
    save: (): Record<string, Uint8Array> =>
      options ? { [LEDGER]: new Uint8Array(Float64Array.of(scale.scale, scale.good, skipped).buffer) } : {},
    restore(stored) {
      if (!options) return;
      const bytes = stored[LEDGER];
      if (bytes?.byteLength !== 24)
        throw new StrataError('checkpoint_mismatch', 'the checkpoint lacks the loss scale. Start the job afresh.');
      const [factor = 1, good = 0, left = 0] = new Float64Array(Uint8Array.from(bytes).buffer);
      scale = { scale: factor, good };
      skipped = left;
    },
  };
}
