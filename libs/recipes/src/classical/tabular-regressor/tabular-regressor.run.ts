import type { ColumnType, JobContext } from '@strata/contracts';
import { numbersOf, trainTestSplit, type Table } from '@strata/data';
import { parameterCount, type Graph, type Parameter } from '@strata/graph';
import { tensor } from '@strata/runtime';
import { buildTrainStep, phases, r2, regressionMetrics, rmse, type FitContext, type FitResult } from '@strata/training';
import { prefixed } from '../../shared/card.js';
import { modelBytes, tensorSpecs, writeModel } from '../../shared/export-model.js';
import { courseReport, finalMetrics } from '../../shared/report.js';
import { NUMBER_ANSWERS, saveModel } from '../../shared/save-model.js';
import { scaleOf } from '../../shared/target-scale.js';
import { readInput, servedOutput } from '../tabular/columns.js';
import { crossValidation, heldOutput } from '../tabular/cross-validation.js';
import { fitTabular } from '../tabular/fit.js';
import type { RegressorParams } from '../tabular/params.js';
import { chooseFeatures, planFeatures } from '../tabular/plan.js';
import { optimizerOf, rowsWithTarget, validationShare } from '../tabular/training.js';
import { regressorExport, regressorLoss, regressorPrediction, type RegressorModel } from './tabular-regressor.model.js';

/** Rows of a table that have a target value, and that value. */
interface Measured {
  readonly table: Table;
  readonly rows: Int32Array;
  /** Target of each of `rows`, in its own unit. */
  readonly values: Float64Array;
}

export async function run(ctx: JobContext, params: RegressorParams): Promise<Record<string, unknown>> {
  const { target } = params;
  const source = await ctx.dataset('train');
  const features = chooseFeatures(source.format, target, params.features, ctx.log);
  const types: Record<string, ColumnType> = { ...features, [target]: 'number' };
  const read = async (input: string): Promise<Measured> => measured(await readInput(ctx, input, types), target, ctx);
  const all = await read('train');
  const given = ctx.has('valid') ? await read('valid') : undefined;

  const steps = await phases(ctx);
  const folds = await crossValidation(ctx, steps, params, all.rows.length, undefined, async (c, fold, seed) => {
    const inner = hold(part(all, fold.train), params, seed);
    const { model, ...made } = await train(c, inner.train, inner.valid, features, params);
    const held = part(all, fold.test);
    const y = await heldOutput(ctx, { plan: model.plan, ...made }, held, 'prediction');
    return { rmse: rmse(held.values, y), r2: r2(held.values, y) };
  });

  const parts = given ? { train: all, valid: given } : hold(all, params, ctx.seed);
  const { model, fitted, parameters } = await steps.last('fit', (c) =>
    train(c, parts.train, parts.valid, features, params),
  );

  const graph = regressorExport(model);
  const bytes = modelBytes(graph, fitted.weights);
  const figures: Record<string, number> = {};
  const measure = async (prefix: string, data: Measured): Promise<void> => {
    Object.assign(
      figures,
      prefixed(
        prefix,
        regressionMetrics(data.values, await servedOutput(ctx, bytes, model.plan, data, 'prediction', 1)),
      ),
    );
  };
  if (parts.valid) await measure('valid', parts.valid);
  if (ctx.has('test')) await measure('test', await read('test'));
  if (folds.length > 0)
    for (const name of ['rmse', 'r2'] as const)
      figures[`cv_${name}`] = folds.reduce((sum, f) => sum + f[name], 0) / folds.length;
  const metrics = finalMetrics(ctx, fitted, figures);

  const inputs = tensorSpecs(graph.inputs.filter((i) => !parameters.some((p) => p.name === i.name)));
  await saveModel(ctx, await writeModel(ctx.workDir, bytes), {
    recipe: 'classical/tabular-regressor',
    answers: NUMBER_ANSWERS,
    inputs,
    target,
    preprocess: null,
    metrics,
    params,
    parameters: parameterCount(parameters),
    opset: graph.opset,
    card: {
      title: { en: `Regressor of ${target}`, zh: `${target} 回归模型` },
      purpose: {
        en: `Predicts the number in column \`${target}\` from the other columns of a row.`,
        zh: `根据一行的其他列预测 \`${target}\` 列的数值。`,
      },
      rows: parts.train.rows.length,
    },
  });
  await ctx.output.report('report', {
    metrics,
    target: model.target,
    cross_validation: folds,
    features: {
      numeric: model.plan.numeric.map((f) => f.name),
      categorical: model.plan.categorical.map((f) => f.name),
    },
    ...courseReport(fitted),
  });
  return { ...metrics, epochs: fitted.history.length, best_epoch: fitted.epoch };
}

function measured(table: Table, target: string, ctx: JobContext): Measured {
  const column = numbersOf(table, target);
  const rows = rowsWithTarget(
    (r) => !Number.isNaN(column[r]),
    table.rows,
    target,
    (m) => ctx.log.warn({}, m),
  );
  return { table, rows, values: Float64Array.from(rows, (r) => column[r] as number) };
}

function part(data: Measured, at: Int32Array): Measured {
  return {
    table: data.table,
    rows: Int32Array.from(at, (i) => data.rows[i] as number),
    values: Float64Array.from(at, (i) => data.values[i] as number),
  };
}

/** Keeps a share of the rows for validation. */
function hold(data: Measured, params: RegressorParams, seed: number): { train: Measured; valid: Measured | undefined } {
  const share = validationShare(params, data.rows.length);
  if (share === 0) return { train: data, valid: undefined };
  const split = trainTestSplit(data.rows.length, { testFraction: share, seed });
  return { train: part(data, split.train), valid: part(data, split.test) };
}

interface Trained {
  readonly model: RegressorModel;
  readonly fitted: FitResult;
  readonly parameters: readonly Parameter[];
  readonly predict: Graph;
}

async function train(
  ctx: FitContext,
  data: Measured,
  valid: Measured | undefined,
  features: Readonly<Record<string, ColumnType>>,
  params: RegressorParams,
): Promise<Trained> {
  const plan = planFeatures(
    data.table,
    features,
    data.rows,
    { bins: params.n_bins, maxCategories: params.max_categories },
    ctx.log,
  );
  const target = scaleOf(data.values, params.target);
  const model: RegressorModel = { plan, architecture: params, loss: params.loss, target };
  const step = buildTrainStep((b) => regressorLoss(b, model), {
    optimizer: optimizerOf(params),
    ...(params.clip_norm === null ? {} : { clipNorm: params.clip_norm }),
  });
  const predict = regressorPrediction(model);
  const fitted = await fitTabular({
    ctx,
    params,
    plan,
    step,
    predict,
    data,
    targets: (rows) => ({
      target: tensor.float32(
        Float32Array.from(rows, (r) => ((data.values[r] as number) - target.mean) / target.scale),
        [rows.length, 1],
      ),
    }),
    ...(valid
      ? {
          valid: {
            ...valid,
            output: 'prediction',
            // squared error in standard deviations of the target, the unit of the training loss
            score: (y) => ({ valid_loss: (rmse(valid.values, y) / target.scale) ** 2 }),
          },
        }
      : {}),
  });
  return { model, fitted, parameters: step.parameters, predict };
}
