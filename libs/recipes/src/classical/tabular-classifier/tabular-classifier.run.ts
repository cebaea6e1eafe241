import type { ColumnType, JobContext } from '@strata/contracts';
import { textsOf, trainTestSplit, type Table } from '@strata/data';
import { tensor } from '@strata/runtime';
import {
  accuracy,
  argmaxRows,
  buildTrainStep,
  logLoss,
  phases,
  type FitContext,
  type FitResult,
} from '@strata/training';
import { parameterCount, type Graph, type Parameter } from '@strata/graph';
import { balancedWeights, classesOf, type Classes } from '../../shared/classes.js';
import { modelBytes, tensorSpecs, writeModel } from '../../shared/export-model.js';
import { classifierFigures, courseReport, finalMetrics } from '../../shared/report.js';
import { classAnswers, saveModel } from '../../shared/save-model.js';
import { readInput, servedOutput } from '../tabular/columns.js';
import { crossValidation, heldOutput } from '../tabular/cross-validation.js';
import { fitTabular } from '../tabular/fit.js';
import type { ClassifierParams } from '../tabular/params.js';
import { chooseFeatures, planFeatures } from '../tabular/plan.js';
import { allRows, optimizerOf, rowsWithTarget, validationShare } from '../tabular/training.js';
import {
  classifierExport,
  classifierLoss,
  classifierPrediction,
  type ClassifierModel,
} from './tabular-classifier.model.js';

/** Rows of a table that have a known class, and that class. */
interface Labelled {
  readonly table: Table;
  readonly rows: Int32Array;
  /** Class of each of `rows`. */
  readonly labels: Int32Array;
}

export async function run(ctx: JobContext, params: ClassifierParams): Promise<Record<string, unknown>> {
  const { target } = params;
  const source = await ctx.dataset('train');
  const features = chooseFeatures(source.format, target, params.features, ctx.log);
  // classes are names, also when they are written as numbers
  const types: Record<string, ColumnType> = { ...features, [target]: 'category' };
  const table = await readInput(ctx, 'train', types);
  const cells = textsOf(table, target);
  const rows = rowsWithTarget(
    (r) => cells[r] !== null,
    table.rows,
    target,
    (m) => ctx.log.warn({}, m),
  );
  const classes = classesOf(cells, rows, target, 'classical/tabular-regressor');
  const all = labelled(table, rows, target, classes);
  const given = ctx.has('valid')
    ? labelled(await readInput(ctx, 'valid', types), undefined, target, classes)
    : undefined;

  const steps = await phases(ctx);
  const folds = await crossValidation(ctx, steps, params, rows.length, [...all.labels], async (c, fold, seed) => {
    const inner = hold(part(all, fold.train), params, seed);
    const { model, ...made } = await train(c, inner.train, inner.valid, features, classes, params);
    const held = part(all, fold.test);
    const p = await heldOutput(ctx, { plan: model.plan, ...made }, held, 'probabilities');
    return accuracy(held.labels, argmaxRows(p, classes.names.length));
  });

  const parts = given ? { train: all, valid: given } : hold(all, params, ctx.seed);
  const { model, fitted, parameters } = await steps.last('fit', (c) =>
    train(c, parts.train, parts.valid, features, classes, params),
  );

  const graph = classifierExport(model);
  const bytes = modelBytes(graph, fitted.weights);
  const figures = classifierFigures(classes.names.length);
  const measure = async (set: string, data: Labelled): Promise<void> =>
    figures.add(
      set,
      data.labels,
      await servedOutput(ctx, bytes, model.plan, data, 'probabilities', classes.names.length),
    );
  if (parts.valid) await measure('valid', parts.valid);
  if (ctx.has('test')) {
    const test = await readInput(ctx, 'test', types);
    const texts = textsOf(test, target);
    await measure(
      'test',
      labelled(
        test,
        known(texts, classes, (m) => ctx.log.warn({}, m)),
        target,
        classes,
      ),
    );
  }
  if (folds.length > 0) {
    const mean = folds.reduce((a, b) => a + b, 0) / folds.length;
    figures.measured['cv_accuracy'] = mean;
    figures.measured['cv_accuracy_std'] = Math.sqrt(folds.reduce((a, b) => a + (b - mean) ** 2, 0) / folds.length);
  }
  const metrics = finalMetrics(ctx, fitted, figures.measured);

  const inputs = tensorSpecs(graph.inputs.filter((i) => !parameters.some((p) => p.name === i.name)));
  await saveModel(ctx, await writeModel(ctx.workDir, bytes), {
    recipe: 'classical/tabular-classifier',
    answers: classAnswers(classes.names),
    inputs,
    target,
    preprocess: null,
    metrics,
    params,
    parameters: parameterCount(parameters),
    opset: graph.opset,
    card: {
      title: { en: `Classifier of ${target}`, zh: `${target} 分类模型` },
      purpose: {
        en: `Tells the class in column \`${target}\` from the other columns of a row.`,
        zh: `根据一行的其他列判断 \`${target}\` 列的类别。`,
      },
      rows: parts.train.rows.length,
    },
  });
  await ctx.output.report('report', {
    metrics,
    classes: classes.names,
    ...figures.confusion(),
    cross_validation: folds,
    features: {
      numeric: model.plan.numeric.map((f) => f.name),
      categorical: model.plan.categorical.map((f) => f.name),
    },
    ...courseReport(fitted),
  });
  return { ...metrics, epochs: fitted.history.length, best_epoch: fitted.epoch, classes: classes.names.length };
}

function labelled(table: Table, rows: Int32Array | undefined, target: string, classes: Classes): Labelled {
  const cells = textsOf(table, target);
  const kept = rows ?? known(cells, classes, () => undefined);
  return { table, rows: kept, labels: Int32Array.from(kept, (r) => classes.indexOf(cells[r] ?? null)) };
}

/** Rows whose class the training data have. */
function known(cells: ReturnType<typeof textsOf>, classes: Classes, warn: (message: string) => void): Int32Array {
  const rows = allRows(cells.length).filter((r) => classes.indexOf(cells[r] ?? null) >= 0);
  if (rows.length < cells.length)
    warn(`${cells.length - rows.length} rows have a class that the training data lack, or none, and are left out`);
  return rows;
}

function part(data: Labelled, at: Int32Array): Labelled {
  return {
    table: data.table,
    rows: Int32Array.from(at, (i) => data.rows[i] as number),
    labels: Int32Array.from(at, (i) => data.labels[i] as number),
  };
}

/** Keeps a share of the rows, of each class the same, for validation. */
function hold(
  data: Labelled,
  params: ClassifierParams,
  seed: number,
): { train: Labelled; valid: Labelled | undefined } {
  const share = validationShare(params, data.rows.length);
  if (share === 0) return { train: data, valid: undefined };
  const split = trainTestSplit(data.rows.length, {
    testFraction: share,
    seed,
    labels: [...data.labels],
  });
  return { train: part(data, split.train), valid: part(data, split.test) };
}

interface Trained {
  readonly model: ClassifierModel;
  readonly fitted: FitResult;
  readonly parameters: readonly Parameter[];
  readonly predict: Graph;
}

async function train(
  ctx: FitContext,
  data: Labelled,
  valid: Labelled | undefined,
  features: Readonly<Record<string, ColumnType>>,
  classes: Classes,
  params: ClassifierParams,
): Promise<Trained> {
  const n = classes.names.length;
  const plan = planFeatures(
    data.table,
    features,
    data.rows,
    { bins: params.n_bins, maxCategories: params.max_categories },
    ctx.log,
  );
  const classWeights = params.class_weight === 'balanced' ? balancedWeights(data.labels, n) : undefined;
  const model: ClassifierModel = { plan, classes: classes.names, architecture: params, classWeights };
  const step = buildTrainStep((b) => classifierLoss(b, model), {
    optimizer: optimizerOf(params),
    ...(params.clip_norm === null ? {} : { clipNorm: params.clip_norm }),
  });
  const predict = classifierPrediction(model);
  const fitted = await fitTabular({
    ctx,
    params,
    plan,
    step,
    predict,
    data,
    targets: (rows) => ({
      target: tensor.int64(
        Int32Array.from(rows, (r) => data.labels[r] as number),
        [rows.length],
      ),
    }),
    ...(valid
      ? {
          valid: {
            ...valid,
            output: 'probabilities',
            score: (p) => ({
              valid_loss: logLoss(valid.labels, p, n, classWeights),
              valid_accuracy: accuracy(valid.labels, argmaxRows(p, n)),
            }),
          },
        }
      : {}),
  });
  return { model, fitted, parameters: step.parameters, predict };
}
