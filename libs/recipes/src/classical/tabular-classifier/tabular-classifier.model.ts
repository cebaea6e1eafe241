import { GraphBuilder, type Graph, type Value } from '@strata/graph';
import { crossEntropy } from '@strata/nn';
import { classifierOutputs } from '../../shared/classifier-outputs.js';
import { columnInputs, encode, matrixInputs } from '../tabular/encode.js';
import { perceptron, type Architecture } from '../tabular/network.js';
import type { TabularPlan } from '../tabular/plan.js';

export interface ClassifierModel {
  readonly plan: TabularPlan;
  readonly classes: readonly string[];
  readonly architecture: Architecture;
  readonly classWeights: readonly number[] | undefined;
}

/** The training loss: cross-entropy of `target` int64 [N], weighted by class when asked for. */
export function classifierLoss(b: GraphBuilder, model: ClassifierModel): Value {
  const { features } = encode(b, model.plan, matrixInputs(b, model.plan));
  const target = b.input('target', 'int64', ['N']);
  const logits = perceptron(b, features, model.classes.length, model.architecture, true);
  return crossEntropy(b, logits, target, model.classWeights ? { classWeights: model.classWeights } : {});
}

/** `probabilities` [N, C] from encoded rows, for validation: its parameters are inputs. */
export function classifierPrediction(model: ClassifierModel): Graph {
  const b = new GraphBuilder('predict');
  const { features } = encode(b, model.plan, matrixInputs(b, model.plan));
  const logits = perceptron(b, features, model.classes.length, model.architecture, false);
  b.output('probabilities', b.op.Softmax(logits, { axis: -1 }));
  return b.build();
}

/** What is served: raw columns in, `label` string [N] and `probabilities` [N, C] out. Its parameters are inputs until they are bound. */
export function classifierExport(model: ClassifierModel): Graph {
  const b = new GraphBuilder('tabular-classifier');
  const { features } = encode(b, model.plan, columnInputs(b, model.plan));
  const logits = perceptron(b, features, model.classes.length, model.architecture, false);
  classifierOutputs(b, logits, model.classes);
  return b.build();
}
