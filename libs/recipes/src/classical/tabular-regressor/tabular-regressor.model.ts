import { GraphBuilder, type Graph, type Value } from '@strata/graph';
import { huber, meanSquaredError } from '@strata/nn';
import { columnInputs, encode, matrixInputs } from '../tabular/encode.js';
import { perceptron, type Architecture } from '../tabular/network.js';
import type { TabularPlan } from '../tabular/plan.js';

export interface RegressorModel {
  readonly plan: TabularPlan;
  readonly architecture: Architecture;
  readonly loss: 'squared_error' | 'huber';
  /** Mean and standard deviation of the target: the network predicts (y − mean) / scale. */
  readonly target: { readonly mean: number; readonly scale: number };
}

/** The training loss against the standardised `target` float32 [N, 1]. */
export function regressorLoss(b: GraphBuilder, model: RegressorModel): Value {
  const { features } = encode(b, model.plan, matrixInputs(b, model.plan));
  const target = b.input('target', 'float32', ['N', 1]);
  const y = perceptron(b, features, 1, model.architecture, true);
  return model.loss === 'huber' ? huber(b, y, target) : meanSquaredError(b, y, target);
}

/** `prediction` float32 [N] in the target's own unit, from the network's standardised answer. */
function unscaled(b: GraphBuilder, model: RegressorModel, features: Value): void {
  const y = perceptron(b, features, 1, model.architecture, false);
  const { mean, scale } = model.target;
  b.output('prediction', b.op.Squeeze(b.op.Add(b.op.Mul(y, b.scalar(scale)), b.scalar(mean)), [1]));
}

/** `prediction` from encoded rows, for validation: its parameters are inputs. */
export function regressorPrediction(model: RegressorModel): Graph {
  const b = new GraphBuilder('predict');
  unscaled(b, model, encode(b, model.plan, matrixInputs(b, model.plan)).features);
  return b.build();
}

/** What is served: raw columns in, `prediction` [N] out. Its parameters are inputs until they are bound. */
export function regressorExport(model: RegressorModel): Graph {
  const b = new GraphBuilder('tabular-regressor');
  unscaled(b, model, encode(b, model.plan, columnInputs(b, model.plan)).features);
  return b.build();
}
