import type { JobContext } from '@strata/contracts';
import { kFold, type Split, type Table } from '@strata/data';
import type { Graph } from '@strata/graph';
import { createEvaluator, type FitContext, type FitResult, type Json, type Phases } from '@strata/training';
import type { NetworkParams } from './params.js';
import { encodeRows, type TabularPlan } from './plan.js';
import { tabularBatches } from './training.js';

/**
 * What `judge` says of each fold; each is a phase of its own, so that an interrupted job does not begin with the first again.
 * @param labels classes that every fold shall have the same share of
 */
export async function crossValidation<T extends Json>(
  ctx: JobContext,
  steps: Phases,
  p: NetworkParams,
  rows: number,
  labels: readonly number[] | undefined,
  judge: (ctx: FitContext, fold: Split, seed: number) => Promise<T>,
): Promise<T[]> {
  const said: T[] = [];
  if (p.cv < 2) return said;
  for (const [k, fold] of kFold(rows, { folds: p.cv, seed: ctx.seed, ...(labels ? { labels } : {}) }).entries())
    said.push(await steps.phase(`fold ${k + 1} of ${p.cv}`, (c) => judge(c, fold, ctx.seed + k), { quiet: true }));
  return said;
}

/** An output of a trained network for rows that it was not trained on. */
export async function heldOutput(
  ctx: JobContext,
  made: { readonly plan: TabularPlan; readonly fitted: FitResult; readonly predict: Graph },
  held: { readonly table: Table; readonly rows: Int32Array },
  output: string,
): Promise<Float32Array> {
  const evaluator = await createEvaluator(made.predict, { threads: ctx.threads });
  try {
    const encoded = encodeRows(made.plan, held.table, held.rows);
    return await evaluator.run(made.fitted.weights, tabularBatches(made.plan, encoded), output);
  } finally {
    await evaluator.release();
  }
}
