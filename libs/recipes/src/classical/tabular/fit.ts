import type { Table } from '@strata/data';
import type { Graph } from '@strata/graph';
import type { Tensor } from '@strata/runtime';
import { createEvaluator, fit, type FitContext, type FitResult, type TrainStep } from '@strata/training';
import type { NetworkParams } from './params.js';
import { encodeRows, type TabularPlan } from './plan.js';
import { courseOf, tabularBatches } from './training.js';

interface Rows {
  readonly table: Table;
  readonly rows: Int32Array;
}

export interface TabularFit {
  readonly ctx: FitContext;
  readonly params: NetworkParams;
  readonly plan: TabularPlan;
  readonly step: TrainStep;
  /** The forward pass alone, for validation. */
  readonly predict: Graph;
  readonly data: Rows;
  /** What the loss compares with, for these rows of `data.rows`. */
  readonly targets: (rows: Int32Array) => Readonly<Record<string, Tensor>>;
  /** Judged after each epoch; `score` gives `valid_loss` and what else is worth reporting from the named output of `predict`. */
  readonly valid?: Rows & {
    readonly output: string;
    readonly score: (values: Float32Array) => { readonly valid_loss: number } & Readonly<Record<string, number>>;
  };
}

/** Trains a tabular network by its parameters: course, validation and early stopping. */
export async function fitTabular({
  ctx,
  params,
  plan,
  step,
  predict,
  data,
  targets,
  valid,
}: TabularFit): Promise<FitResult> {
  const evaluator = valid && (await createEvaluator(predict, { threads: ctx.threads, device: ctx.device.kind }));
  try {
    const { patience, ...course } = courseOf(params, data.rows.length);
    const earlyStopping = { monitor: 'valid_loss', mode: 'min' as const, patience, tolerance: params.tol };
    return await fit({
      ctx,
      step,
      data: tabularBatches(plan, encodeRows(plan, data.table, data.rows), targets),
      ...course,
      ...(valid && evaluator
        ? {
            validation: {
              evaluator,
              data: tabularBatches(plan, encodeRows(plan, valid.table, valid.rows)),
              output: valid.output,
              score: valid.score,
              ...(params.early_stopping ? { earlyStopping } : {}),
            },
          }
        : {}),
    });
  } finally {
    await evaluator?.release();
  }
}
