import type { ColumnType, JobContext } from '@strata/contracts';
import { kFold, numbersOf, trainTestSplit, type Table } from '@strata/data';
import { parameterCount, type Graph, type Parameter } from '@strata/graph';
import { StrataError } from '@strata/kernel';
import { createSession, float32Of, tensor } from '@strata/runtime';
import {
  buildTrainStep,
  createEvaluator,
  phases,
  r2,
  regressionMetrics,
  rmse,
  type FitContext,
  type FitResult,
} from '@strata/training';
import { finite, modelCard, prefixed } from '../../shared/card.js';
import { IR_VERSION, modelBytes, tensorSpecs, writeModel } from '../../shared/export-model.js';
import { readInput, runRaw } from '../tabular/columns.js';
import { fitTabular } from '../tabular/fit.js';
import type { RegressorParams } from '../tabular/params.js';
import { chooseFeatures, encodeRows, planFeatures } from '../tabular/plan.js';
import { optimizerOf, rowsWithTarget, tabularBatches, validationShare } from '../tabular/training.js';
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
  const folds: { rmse: number; r2: number }[] = [];
  if (params.cv >= 2)
    for (const [k, fold] of kFold(all.rows.length, { folds: params.cv, seed: ctx.seed }).entries())
      folds.push(
        await steps.phase(
          `fold ${k + 1} of ${params.cv}`,
          async (c) => {
            const inner = hold(part(all, fold.train), params, ctx.seed + k);
            const { model, fitted, predict } = await train(c, inner.train, inner.valid, features, params);
            const held = part(all, fold.test);
            const evaluator = await createEvaluator(predict, { threads: ctx.threads });
            const encoded = encodeRows(model.plan, held.table, held.rows);
            const y = await evaluator.run(fitted.weights, tabularBatches(model.plan, encoded), 'prediction');
            await evaluator.release();
            return { rmse: rmse(held.values, y), r2: r2(held.values, y) };
          },
          { quiet: true },
        ),
      );

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
      prefixed(prefix, regressionMetrics(data.values, await predictions(ctx, bytes, model, data))),
    );
  };
  if (parts.valid) await measure('valid', parts.valid);
  if (ctx.has('test')) await measure('test', await read('test'));
  if (folds.length > 0)
    for (const name of ['rmse', 'r2'] as const)
      figures[`cv_${name}`] = folds.reduce((sum, f) => sum + f[name], 0) / folds.length;
  const metrics = finite({ train_loss: fitted.history.at(-1)?.train_loss ?? NaN, ...figures });
  ctx.metrics(fitted.steps, metrics);

  const inputs = tensorSpecs(graph.inputs.filter((i) => !parameters.some((p) => p.name === i.name)));
  await ctx.output.model('model', await writeModel(ctx.workDir, bytes), {
    format: 'strata-model/1',
    task: 'regression',
    recipe: 'classical/tabular-regressor',
    recipe_version: 1,
    inputs,
    outputs: [{ name: 'prediction', datatype: 'FP32', shape: [-1] }],
    labels: null,
    target,
    preprocess: null,
    metrics,
    params,
    seed: ctx.seed,
    parameters: parameterCount(parameters),
    opset: graph.opset,
    ir_version: IR_VERSION,
    quantization: null,
    card: modelCard({
      title: { en: `Regressor of ${target}`, zh: `${target} 回归模型` },
      purpose: {
        en: `Predicts the number in column \`${target}\` from the other columns of a row.`,
        zh: `根据一行的其他列预测 \`${target}\` 列的数值。`,
      },
      target,
      rows: parts.train.rows.length,
      inputs: inputs.map((i) => i.name),
      parameters: parameterCount(parameters),
      metrics,
      recipe: 'classical/tabular-regressor',
      seed: ctx.seed,
    }),
  });
  await ctx.output.report('report', {
    metrics,
    target: model.target,
    cross_validation: folds,
    features: {
      numeric: model.plan.numeric.map((f) => f.name),
      categorical: model.plan.categorical.map((f) => f.name),
    },
    history: fitted.history,
    best_epoch: fitted.epoch,
    stopped_early: fitted.stoppedEarly,
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

/** Mean and standard deviation of the target. @throws StrataError `empty_data` when it never varies */
function scaleOf(values: Float64Array, target: string): { mean: number; scale: number } {
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  const scale = Math.sqrt(values.reduce((a, b) => a + (b - mean) ** 2, 0) / values.length);
  if (scale === 0)
    throw new StrataError('empty_data', `the target "${target}" is ${mean} in every row: there is nothing to learn.`, {
      where: { column: target },
    });
  return { mean, scale };
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

/** Predictions by the exported file itself, from raw columns: what is measured is what is served. */
async function predictions(
  ctx: JobContext,
  bytes: Uint8Array,
  model: RegressorModel,
  data: Measured,
): Promise<Float32Array> {
  const all = new Float32Array(data.rows.length);
  const session = await createSession(bytes, { threads: ctx.threads });
  try {
    await runRaw(session, model.plan, data.table, data.rows, (out, from) => {
      all.set(float32Of(out['prediction'], 'prediction'), from);
    });
  } finally {
    await session.release();
  }
  return all;
}
