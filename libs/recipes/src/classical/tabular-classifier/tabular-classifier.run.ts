import type { ColumnType, JobContext } from '@strata/contracts';
import { kFold, textsOf, trainTestSplit, type Table } from '@strata/data';
import { createSession, float32Of, tensor } from '@strata/runtime';
import {
  accuracy,
  argmaxRows,
  buildTrainStep,
  classificationMetrics,
  confusionMatrix,
  createEvaluator,
  logLoss,
  phases,
  type FitContext,
  type FitResult,
} from '@strata/training';
import { parameterCount, type Graph, type Parameter } from '@strata/graph';
import { balancedWeights, classesOf, type Classes } from '../../shared/classes.js';
import { finite, modelCard, prefixed } from '../../shared/card.js';
import { IR_VERSION, modelBytes, tensorSpecs, writeModel } from '../../shared/export-model.js';
import { readInput, runRaw } from '../tabular/columns.js';
import { fitTabular } from '../tabular/fit.js';
import type { ClassifierParams } from '../tabular/params.js';
import { chooseFeatures, encodeRows, planFeatures } from '../tabular/plan.js';
import { allRows, optimizerOf, rowsWithTarget, tabularBatches, validationShare } from '../tabular/training.js';
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
  const folds: number[] = [];
  if (params.cv >= 2)
    for (const [k, fold] of kFold(rows.length, { folds: params.cv, seed: ctx.seed, labels: [...all.labels] }).entries())
      folds.push(
        await steps.phase(
          `fold ${k + 1} of ${params.cv}`,
          async (c) => {
            const inner = hold(part(all, fold.train), params, ctx.seed + k);
            const { model, fitted, predict } = await train(c, inner.train, inner.valid, features, classes, params);
            const held = part(all, fold.test);
            const evaluator = await createEvaluator(predict, { threads: ctx.threads });
            const encoded = encodeRows(model.plan, held.table, held.rows);
            const p = await evaluator.run(fitted.weights, tabularBatches(model.plan, encoded), 'probabilities');
            await evaluator.release();
            return accuracy(held.labels, argmaxRows(p, classes.names.length));
          },
          { quiet: true },
        ),
      );

  const parts = given ? { train: all, valid: given } : hold(all, params, ctx.seed);
  const { model, fitted, parameters } = await steps.last('fit', (c) =>
    train(c, parts.train, parts.valid, features, classes, params),
  );

  const graph = classifierExport(model);
  const bytes = modelBytes(graph, fitted.weights);
  const measured: Record<string, number> = {};
  let confusion: number[][] | undefined;
  const measure = async (prefix: string, data: Labelled): Promise<void> => {
    const p = await probabilities(ctx, bytes, model, data);
    Object.assign(measured, prefixed(prefix, classificationMetrics(data.labels, p, classes.names.length)));
    confusion = confusionMatrix(data.labels, argmaxRows(p, classes.names.length), classes.names.length);
  };
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
    measured['cv_accuracy'] = mean;
    measured['cv_accuracy_std'] = Math.sqrt(folds.reduce((a, b) => a + (b - mean) ** 2, 0) / folds.length);
  }
  const metrics = finite({ train_loss: fitted.history.at(-1)?.train_loss ?? NaN, ...measured });
  ctx.metrics(fitted.steps, metrics);

  const inputs = tensorSpecs(graph.inputs.filter((i) => !parameters.some((p) => p.name === i.name)));
  await ctx.output.model('model', await writeModel(ctx.workDir, bytes), {
    format: 'strata-model/1',
    task: 'classification',
    recipe: 'classical/tabular-classifier',
    recipe_version: 1,
    inputs,
    outputs: [
      { name: 'label', datatype: 'BYTES', shape: [-1] },
      { name: 'probabilities', datatype: 'FP32', shape: [-1, classes.names.length] },
    ],
    labels: [...classes.names],
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
      title: { en: `Classifier of ${target}`, zh: `${target} 分类模型` },
      purpose: {
        en: `Tells the class in column \`${target}\` from the other columns of a row.`,
        zh: `根据一行的其他列判断 \`${target}\` 列的类别。`,
      },
      target,
      rows: parts.train.rows.length,
      inputs: inputs.map((i) => i.name),
      classes: classes.names,
      parameters: parameterCount(parameters),
      metrics,
      recipe: 'classical/tabular-classifier',
      seed: ctx.seed,
    }),
  });
  await ctx.output.report('report', {
    metrics,
    classes: classes.names,
    confusion_matrix: confusion ?? null,
    confusion_of: ctx.has('test') ? 'test' : parts.valid ? 'valid' : null,
    cross_validation: folds,
    features: {
      numeric: model.plan.numeric.map((f) => f.name),
      categorical: model.plan.categorical.map((f) => f.name),
    },
    history: fitted.history,
    best_epoch: fitted.epoch,
    stopped_early: fitted.stoppedEarly,
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

/** Probabilities [rows, C] by the exported file itself, from raw columns: what is measured is what is served. */
async function probabilities(
  ctx: JobContext,
  bytes: Uint8Array,
  model: ClassifierModel,
  data: Labelled,
): Promise<Float32Array> {
  const n = model.classes.length;
  const all = new Float32Array(data.rows.length * n);
  const session = await createSession(bytes, { threads: ctx.threads });
  try {
    await runRaw(session, model.plan, data.table, data.rows, (out, from) => {
      all.set(float32Of(out['probabilities'], 'probabilities'), from * n);
    });
  } finally {
    await session.release();
  }
  return all;
}
