import { StrataError } from '@strata/kernel';
import type { Tensor } from '@strata/runtime';
import type { Batches } from '../batches.js';

/** Sequences of different lengths and a label each; the batch is padded to its longest. */
export interface Phrases {
  /** Ids of all rows one after another, and where each row begins; both may lie in shared memory. */
  readonly ids: Int32Array;
  readonly starts: Int32Array;
  readonly labels: Int32Array;
  /** Row that cannot be prepared. */
  readonly broken?: number;
}

const int64 = (values: Iterable<number>, dims: readonly number[]): Tensor => ({
  dtype: 'int64',
  dims,
  data: BigInt64Array.from(values, (v) => BigInt(v)),
});

export function createBatches({ ids, starts, labels, broken }: Phrases): Batches {
  const lengthOf = (r: number): number => (starts[r + 1] as number) - (starts[r] as number);
  return {
    rows: labels.length,
    feeds(rows, at) {
      if (broken !== undefined && rows.includes(broken))
        throw new StrataError('invalid_data', `row ${broken} is broken`, { where: { line: broken + 1 } });
      const longest = Math.max(...Array.from(rows, lengthOf));
      const padded = new Int32Array(rows.length * longest);
      rows.forEach((r, i) => padded.set(ids.subarray(starts[r], starts[r + 1]), i * longest));
      // augmentation: in odd epochs the first id is hidden
      if (at && at.epoch % 2 === 1) rows.forEach((_, i) => (padded[i * longest] = 0));
      return {
        input_ids: int64(padded, [rows.length, longest]),
        label: int64(
          Array.from(rows, (r) => labels[r] as number),
          [rows.length],
        ),
      };
    },
  };
}
