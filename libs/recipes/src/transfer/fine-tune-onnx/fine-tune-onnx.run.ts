import { cp, mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { JobContext } from '@strata/contracts';
import { elements } from '@strata/graph';
import { loadOnnx } from '@strata/graph/onnx';
import { createSession, float32Of } from '@strata/runtime';
import { phases, regressionMetrics, type Weights } from '@strata/training';
import { turn } from '../../shared/cancel.js';
import { prefixed } from '../../shared/card.js';
import { balancedWeights } from '../../shared/classes.js';
import { exportModel } from '../../shared/export-model.js';
import { classifierFigures, courseReport, finalMetrics } from '../../shared/report.js';
import { classAnswers, NUMBER_ANSWERS, saveModel } from '../../shared/save-model.js';
import { scaleOf } from '../../shared/target-scale.js';
import { answered, hold, readTable, targetOf, taskOf } from './data.js';
import { TRUNK, trunkOf, wholeModel, type Answer, type Head, type Trunk } from './fine-tune-onnx.model.js';
import type { FineTuneOnnxParams } from './params.js';
import type { Answered, Source } from './source.js';
import { sourceOf } from './sources.js';
import { extract, scalingOf, trainHead, trainWhole, type Job } from './train.js';

export async function run(ctx: JobContext, params: FineTuneOnnxParams): Promise<Record<string, unknown>> {
  await turn(ctx.signal);
  const base = await ctx.model('model');
  const trunk = trunkOf(loadOnnx(join(base.dir, 'model.onnx')), params);
  const data = await ctx.dataset('train');
  const plain = { ...trunk.graph, inputs: trunk.graph.inputs.map((i) => ({ ...i, name: i.name.slice(TRUNK.length) })) };
  const source = await sourceOf(base, plain, data, params, ctx.signal);
  const task = taskOf(data.format, params);
  const read = (input: string) => readTable(ctx, input, source, params, task);

  const first = await read('train');
  const target = targetOf(first.table, params, task);
  const all = answered(ctx, first, target, params);
  const parts = ctx.has('valid')
    ? { train: all, valid: answered(ctx, await read('valid'), target, params) }
    : hold(all, target, params, ctx.seed);
  await source.learn(parts.train);
  const answer: Answer =
    target.kind === 'number'
      ? { kind: 'number', ...scaleOf(parts.train.answers, params.target) }
      : {
          kind: 'classes',
          classes: target.classes.names,
          classWeights:
            params.class_weight === 'balanced'
              ? balancedWeights(parts.train.answers, target.classes.names.length)
              : undefined,
        };
  const plan: Head = { answer, hidden: params.hidden_layer_sizes, dropout: params.dropout };

  const { head, fitted } = await learned(ctx, { trunk, head: plan, source, ...parts, params });
  const graph = wholeModel(trunk, head, (b) => source.declare(b, true));
  const dir = await exportModel(ctx.workDir, graph, fitted.weights);
  const numbers: Record<string, number> = {};
  const figures = answer.kind === 'classes' ? classifierFigures(answer.classes.length) : undefined;
  const measure = async (set: string, data: Answered): Promise<void> => {
    const out = await answers(ctx, dir, source, data, answer);
    if (figures) figures.add(set, Int32Array.from(data.answers), out);
    else Object.assign(numbers, prefixed(set, regressionMetrics(data.answers, out)));
  };
  if (parts.valid) await measure('valid', parts.valid);
  if (ctx.has('test')) await measure('test', answered(ctx, await read('test'), target, params));
  const metrics = finalMetrics(ctx, fitted, figures?.measured ?? numbers);
  const trained = Object.values(fitted.weights).reduce((n, w) => n + elements(w.dims), 0);
  const parameters = trained + frozenCount(trunk, fitted.weights);
  await save(
    ctx,
    { dir, source, answer, metrics, rows: parts.train.rows.length, parameters, opset: graph.opset },
    params,
  );
  await ctx.output.report('report', {
    metrics,
    task,
    mode: params.mode,
    layer: trunk.layer.slice(TRUNK.length),
    trained_layers: [...trunk.trained].map((n) => n.slice(TRUNK.length)),
    trained_parameters: trained,
    parameters,
    ...(answer.kind === 'classes' ? { classes: answer.classes, ...figures?.confusion() } : {}),
    ...courseReport(fitted),
  });
  return { ...metrics, task, epochs: fitted.history.length, trained_parameters: trained, parameters };
}

/** Trains what the mode says. Features of a trunk that keeps still are worked out once. */
async function learned(
  ctx: JobContext,
  job: Job,
): Promise<{ head: Head; fitted: Awaited<ReturnType<typeof trainWhole>> }> {
  const steps = await phases(ctx);
  if (job.trunk.trained.size > 0) return { head: job.head, fitted: await steps.last('fit', (c) => trainWhole(c, job)) };
  const train = await extract(ctx, job.trunk, job.source, job.train);
  const valid = job.valid && (await extract(ctx, job.trunk, job.source, job.valid));
  const head: Head = { ...job.head, scaling: scalingOf(train.values, train.width) };
  return { head, fitted: await steps.last('fit', (c) => trainHead(c, { ...job, head }, { train, valid })) };
}

/** Numbers of the trunk that keep their values. */
const frozenCount = (trunk: Trunk, trained: Weights): number =>
  trunk.weights
    .filter((w) => !trained[w])
    .reduce((n, w) => n + elements(trunk.graph.initializers.get(w)?.dims ?? [0]), 0);

/** Probabilities [rows, C] or predictions [rows] by the exported file itself: what is measured is what is served. */
async function answers(
  ctx: JobContext,
  dir: string,
  source: Source,
  data: Answered,
  answer: Answer,
): Promise<Float32Array> {
  const [name, width] = answer.kind === 'classes' ? ['probabilities', answer.classes.length] : ['prediction', 1];
  const all = new Float32Array(data.rows.length * width);
  const session = await createSession(join(dir, 'model.onnx'), { threads: ctx.threads });
  try {
    let at = 0;
    for await (const feeds of source.once(data, true)) {
      await turn(ctx.signal);
      const made = float32Of((await session.run(feeds, [name]))[name], name);
      all.set(made, at);
      at += made.length;
    }
  } finally {
    await session.release();
  }
  return all;
}

interface Made {
  /** Folder that holds the exported model. */
  readonly dir: string;
  readonly source: Source;
  readonly answer: Answer;
  readonly metrics: Record<string, number>;
  readonly rows: number;
  readonly parameters: number;
  readonly opset: number;
}

async function save(ctx: JobContext, made: Made, params: FineTuneOnnxParams): Promise<void> {
  const { dir, source, answer, metrics, parameters } = made;
  const { target } = params;
  const base = await ctx.model('model');
  for (const file of source.files) {
    await mkdir(dirname(join(dir, file)), { recursive: true });
    await cp(join(base.dir, file), join(dir, file));
  }
  await saveModel(ctx, dir, {
    recipe: 'transfer/fine-tune-onnx',
    answers: answer.kind === 'classes' ? classAnswers(answer.classes) : NUMBER_ANSWERS,
    ...source.manifest,
    target,
    metrics,
    params,
    parameters,
    opset: made.opset,
    card: {
      title: { en: `Fine-tuned model of ${target}`, zh: `${target} 微调模型` },
      purpose: {
        en: `Answers \`${target}\` with a new head on an imported ONNX model (${base.manifest.recipe}), trained in the mode \`${params.mode}\`.`,
        zh: `在导入的 ONNX 模型（${base.manifest.recipe}）上接新的输出头，以 \`${params.mode}\` 方式训练，用于预测 \`${target}\`。`,
      },
      rows: made.rows,
    },
  });
}
