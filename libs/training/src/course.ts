import type { Feeds } from './trainer.js';
import type { BatchOrder } from './batch-order.js';
import type { Loader } from './data-loader.js';
import type { Part } from './data-thread.js';

/** How far a training has come: what a checkpoint keeps of the order of the data. */
export interface Cursor {
  /** Steps done, epochs done, micro-batches done of the epoch under way. */
  readonly step: number;
  readonly epoch: number;
  readonly batch: number;
}

/** One optimiser step: its micro-batches, and where the training stands after it. */
export interface PlannedStep {
  readonly parts: readonly Part[];
  readonly rows: number;
  readonly after: Cursor;
}

/** The steps from a cursor on, without an end. */
export function* course(order: BatchOrder, accumulate: number, from: Cursor): Generator<PlannedStep, never> {
  let { step, epoch, batch } = from;
  for (;;) {
    const batches = order.epoch(epoch).slice(batch, batch + accumulate);
    const parts = batches.map((rows, micro) => ({ rows, at: { epoch, step, micro } }));
    batch += batches.length;
    if (batch >= order.perEpoch) {
      epoch++;
      batch = 0;
    }
    step++;
    yield { parts, rows: batches.reduce((n, b) => n + b.length, 0), after: { step, epoch, batch } };
  }
}

export interface LoadedStep extends PlannedStep {
  readonly feeds: readonly Feeds[];
  /** Milliseconds that were spent waiting for the data. */
  readonly waited: number;
}

/** Loads one step after another, and asks for the next ones before they are needed. */
export function createFeeder(steps: Generator<PlannedStep, never>, loader: Loader, count: number) {
  const asked: { plan: PlannedStep; feeds: Promise<readonly Feeds[]> }[] = [];
  let left = count;
  const ask = (): void => {
    if (left-- <= 0) return;
    const plan = steps.next().value;
    asked.push({ plan, feeds: loader.load(plan.parts) });
  };
  return async (): Promise<LoadedStep> => {
    if (asked.length === 0) ask();
    const { plan, feeds } = asked.shift() as (typeof asked)[number];
    while (asked.length < loader.ahead && left > 0) ask();
    const began = performance.now();
    const loaded = await feeds;
    return { ...plan, feeds: loaded, waited: performance.now() - began };
  };
}
