import {
  cutAt,
  GraphBuilder,
  normalizeModel,
  penultimate,
  pooledFeatures,
  prefixValues,
  promoteInitializers,
  tensorOf,
  trainableInitializers,
  type Graph,
  type Value,
} from '@strata/graph';
import { StrataError } from '@strata/kernel';
import { activate, crossEntropy, dense, dropout, kaimingUniform, meanSquaredError } from '@strata/nn';
import { classifierOutputs } from '../../shared/classifier-outputs.js';
import type { FineTuneOnnxParams } from './params.js';

/** Names of the old weights begin so. */
export const TRUNK = 'trunk/';
/** Input of a training graph: classes int64 [N], or standardised numbers float32 [N, 1]. No column is likely to have its name. */
export const EXPECTED = 'head/expected';

/** The part of an imported model that is kept. */
export interface Trunk {
  readonly graph: Graph;
  /** Value that the head takes. */
  readonly layer: string;
  /** Weights that are trained, by their names in `graph`. */
  readonly trained: ReadonlySet<string>;
  /** All weights that could be. */
  readonly weights: readonly string[];
  readonly pooling: 'mean' | 'first';
}

/** What the head answers. */
export type Answer =
  | {
      readonly kind: 'classes';
      readonly classes: readonly string[];
      readonly classWeights: readonly number[] | undefined;
    }
  | { readonly kind: 'number'; readonly mean: number; readonly scale: number };

export interface Head {
  readonly answer: Answer;
  readonly hidden: readonly number[];
  readonly dropout: number;
  /** Mean and standard deviation of each feature over the training rows, where the trunk keeps still. */
  readonly scaling?: { readonly mean: Float32Array; readonly scale: Float32Array };
}

/**
 * The trunk of an imported model, up to the layer that the head takes.
 * @throws StrataError `unsupported_operator`, `invalid_parameter` when the layer is not found or nothing in the trunk can be trained
 */
export function trunkOf(model: Graph, p: Pick<FineTuneOnnxParams, 'layer' | 'mode' | 'n_layers' | 'pooling'>): Trunk {
  const whole = normalizeModel(model);
  const layer = p.layer === '' ? penultimate(whole) : p.layer;
  const graph = prefixValues(cutAt(whole, layer), TRUNK);
  const weights = trainableInitializers(graph);
  const trained =
    p.mode === 'feature_extraction' ? [] : p.mode === 'full' ? weights : lastLayers(graph, weights, p.n_layers);
  if (p.mode !== 'feature_extraction' && trained.length === 0)
    throw new StrataError(
      'invalid_parameter',
      `the model has no weights before "${layer}" that could be trained. Use the mode feature_extraction.`,
      { where: { field: 'params.mode' } },
    );
  return { graph, layer: TRUNK + layer, trained: new Set(trained), weights, pooling: p.pooling };
}

/** Weights of the last `n` nodes that take any. */
function lastLayers(graph: Graph, weights: readonly string[], n: number): string[] {
  const all = new Set(weights);
  const found = new Set<string>();
  let layers = 0;
  for (const node of [...graph.nodes].reverse()) {
    const own = node.inputs.filter((i) => all.has(i));
    if (own.length === 0) continue;
    // a bias that is added behind a product belongs to its layer
    const bias = node.op === 'Add' && own.every((i) => graph.initializers.get(i)?.dims.length === 1);
    if (!bias && layers++ === n) break;
    for (const name of own) found.add(name);
  }
  return weights.filter((w) => found.has(w));
}

/** Features [N, F] of the trunk over inputs that are declared already. */
function featuresOf(b: GraphBuilder, trunk: Trunk, inputs: ReadonlyMap<string, Value>): Value {
  const given = new Map([...inputs].map(([name, v]) => [TRUNK + name, v]));
  const { value } = promoteInitializers(b, trunk.graph, { inputs: given, select: (name) => trunk.trained.has(name) });
  const features = value(trunk.layer);
  const [rows] = features.shape;
  if (typeof rows === 'number')
    throw new StrataError(
      'invalid_model',
      `the model gives "${trunk.layer.slice(TRUNK.length)}" for ${rows} ${rows === 1 ? 'row' : 'rows'} at a time, whatever it is given. Export it again with a number of rows that is left open.`,
      { where: { field: 'inputs.model' } },
    );
  const row = pooledFeatures(b, features, trunk.pooling);
  return b.op.Cast(row, 'float32');
}

/** What the head says of features: logits [N, C], or the standardised number [N, 1]. */
function answerOf(b: GraphBuilder, head: Head, features: Value, training: boolean): Value {
  let x = features;
  if (head.scaling) {
    const { mean, scale } = head.scaling;
    const row = (v: Float32Array) => b.constant(tensorOf('float32', [1, v.length], v));
    x = b.op.Div(b.op.Sub(x, row(mean)), row(scale));
  }
  if (training) x = dropout(b, x, { name: 'head_dropout', rate: head.dropout });
  head.hidden.forEach((units, i) => {
    x = activate(b, dense(b, x, { units, name: `head_${i}`, init: kaimingUniform }), 'relu');
  });
  const units = head.answer.kind === 'classes' ? head.answer.classes.length : 1;
  return dense(b, x, { units, name: 'head' });
}

function lossOf(b: GraphBuilder, head: Head, features: Value): Value {
  const y = answerOf(b, head, features, true);
  if (head.answer.kind === 'number') return meanSquaredError(b, y, b.input(EXPECTED, 'float32', ['N', 1]));
  const { classWeights } = head.answer;
  return crossEntropy(b, y, b.input(EXPECTED, 'int64', ['N']), classWeights ? { classWeights } : {});
}

function outputs(b: GraphBuilder, head: Head, features: Value): Graph {
  const y = answerOf(b, head, features, false);
  if (head.answer.kind === 'classes') classifierOutputs(b, y, head.answer.classes);
  else {
    const { mean, scale } = head.answer;
    b.output('prediction', b.op.Squeeze(b.op.Add(b.op.Mul(y, b.scalar(scale)), b.scalar(mean)), [1]));
  }
  return b.build();
}

type Declare = (b: GraphBuilder) => ReadonlyMap<string, Value>;
const CACHED = 'features';
const cached = (b: GraphBuilder, width: number): Value => b.input(CACHED, 'float32', ['N', width]);

/** Features of the trunk alone: output `features` [N, F]. */
export function featureGraph(trunk: Trunk, declare: Declare): Graph {
  const b = new GraphBuilder('features', { opset: trunk.graph.opset });
  b.output('row', featuresOf(b, trunk, declare(b)));
  return b.build();
}

/** Loss of the whole model. */
export const wholeLoss = (b: GraphBuilder, trunk: Trunk, head: Head, declare: Declare): Value =>
  lossOf(b, head, featuresOf(b, trunk, declare(b)));
/** The whole model: `label` and `probabilities`, or `prediction`. */
export function wholeModel(trunk: Trunk, head: Head, declare: Declare): Graph {
  const b = new GraphBuilder('fine-tuned', { opset: trunk.graph.opset });
  return outputs(b, head, featuresOf(b, trunk, declare(b)));
}

/** Loss and outputs of the head over features that are at hand: input `features` [N, F]. */
export const headLoss = (b: GraphBuilder, head: Head, width: number): Value => lossOf(b, head, cached(b, width));
export function headModel(head: Head, width: number): Graph {
  const b = new GraphBuilder('head');
  return outputs(b, head, cached(b, width));
}
