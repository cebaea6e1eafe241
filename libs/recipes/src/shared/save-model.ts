import type { JobContext, ModelManifest } from '@strata/contracts';
import { modelCard, type CardFacts } from './card.js';
import { IR_VERSION } from './export-model.js';

/** What a model answers, as its manifest says it. */
type Answers = Pick<ModelManifest, 'task' | 'outputs' | 'labels'>;

/** Of a classifier whose graph has `classifierOutputs`. */
export const classAnswers = (classes: readonly string[]): Answers => ({
  task: 'classification',
  outputs: [
    { name: 'label', datatype: 'BYTES', shape: [-1] },
    { name: 'probabilities', datatype: 'FP32', shape: [-1, classes.length] },
  ],
  labels: [...classes],
});

/** Of a model that predicts a number. */
export const NUMBER_ANSWERS: Answers = {
  task: 'regression',
  outputs: [{ name: 'prediction', datatype: 'FP32', shape: [-1] }],
  labels: null,
};

/** Of a model that turns texts into vectors of length 1. */
export const embeddingAnswers = (dim: number): Answers => ({
  task: 'embedding',
  outputs: [{ name: 'embedding', datatype: 'FP32', shape: [-1, dim] }],
  labels: null,
});

type Told = 'recipe' | 'inputs' | 'target' | 'preprocess' | 'metrics' | 'params' | 'parameters' | 'opset';

export interface MadeModel extends Pick<ModelManifest, Told> {
  readonly answers: Answers;
  /** `target` and `inputs` where they are called otherwise than in the manifest. */
  readonly card: Pick<CardFacts, 'title' | 'purpose' | 'rows'> & Partial<Pick<CardFacts, 'target' | 'inputs'>>;
}

/** Gives the folder of an exported model as the job's output `model`, with its manifest and card. */
export async function saveModel(ctx: JobContext, dir: string, made: MadeModel): Promise<void> {
  const { recipe, inputs, target, metrics, parameters, card } = made;
  const { task, outputs, labels } = made.answers;
  await ctx.output.model('model', dir, {
    format: 'strata-model/1',
    task,
    recipe,
    recipe_version: 1,
    inputs,
    outputs,
    labels,
    target,
    preprocess: made.preprocess,
    metrics,
    params: made.params,
    seed: ctx.seed,
    parameters,
    opset: made.opset,
    ir_version: IR_VERSION,
    quantization: null,
    card: modelCard({
      target: target ?? '',
      inputs: inputs.map((i) => i.name),
      ...card,
      ...(labels ? { classes: labels } : {}),
      parameters,
      metrics,
      recipe,
      seed: ctx.seed,
    }),
  });
}
