import type { GraphBuilder, Value } from '@strata/graph';
import {
  buildTrainStep,
  lengthBuckets,
  type LengthBuckets,
  type TrainStep,
  type TrainStepOptions,
} from '@strata/training';

/** A training step whose graph is unrolled once for each limit of length. */
export interface UnrolledStep {
  readonly step: TrainStep;
  readonly buckets: LengthBuckets;
}

/** @param loss emits the loss of sequences of so many steps, padding included */
export function unrolledStep(
  rows: readonly Int32Array[],
  loss: (b: GraphBuilder, steps: number) => Value,
  sizes: { readonly batch_size: number; readonly epochs: number },
  options: TrainStepOptions,
): UnrolledStep {
  const buckets = lengthBuckets(
    rows.map((r) => r.length),
    { batchSize: sizes.batch_size, epochs: sizes.epochs },
  );
  const of = (steps: number) => (b: GraphBuilder) => loss(b, steps);
  const longest = buckets.limits.at(-1) ?? 1;
  const variants = buckets.limits.slice(0, -1).map(of);
  return { step: buildTrainStep(of(longest), { optimization: 'disabled', ...options, variants }), buckets };
}
