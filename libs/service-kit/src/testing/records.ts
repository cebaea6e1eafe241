import type { JobEventBody } from '@strata/contracts';
import type { Recorded, Records } from './control-server.js';
import { until } from './until.js';

export type Ended = Extract<JobEventBody, { type: 'succeeded' | 'failed' | 'paused' | 'cancelled' }>;
const ENDS = new Set(['succeeded', 'failed', 'paused', 'cancelled']);

export const eventsOf = (records: Records, id: string): Recorded[] => records.events.filter((e) => e.jobId === id);
export const endsOf = (records: Records, id: string): Ended[] =>
  eventsOf(records, id).flatMap((e) => (ENDS.has(e.body.type) ? [e.body as Ended] : []));
/** Waits for the n-th end of a job's runs to be recorded, and gives all of them. */
export async function ended(records: Records, id: string, n = 1): Promise<Ended[]> {
  await until(`${n} ends of ${id}`, () => endsOf(records, id).length >= n);
  return endsOf(records, id);
}
export const stepsOf = (records: Records, id: string): number[] =>
  eventsOf(records, id).flatMap((e) => (e.body.type === 'metrics' ? [e.body.step] : []));
export const numbers = (from: number, to: number): number[] =>
  Array.from({ length: to - from + 1 }, (_, i) => from + i);
