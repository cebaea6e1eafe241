import type { Prediction } from '@strata/contracts';

/** Gathers predictions beside the truth, batch by batch. */
export interface Judge {
  add(truth: string, prediction: Prediction, line: number): void;
  /** @throws StrataError `empty_data`, `invalid_data` */
  figures(): { metrics: Record<string, number>; detail: Record<string, unknown> };
}
