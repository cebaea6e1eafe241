import { gradientName, GraphBuilder, type Graph, type Value } from '@strata/graph';
import { emitAssignments } from './kernels/nodes.js';
import { orthogonalized } from './newton-schulz.js';
import { GRADIENT, PARAMETER } from './update-rule.js';
import { scalesGradients, stagesOf, stateSlots, updateGroups } from './stages.js';
import { namesOf } from './kernels/expr.js';
import { nextName, stateName, type TrainedParameter, type TrainStep } from './step.js';

/** Scalar input of the update of group `i`. */
export const scalarInput = (group: number, name: string): string => `optimizer/${group}/${name}`;
/** Scalar input by which all gradients are multiplied. */
export const GRADIENT_SCALE = 'optimizer/gradient_scale';
/** Output: the norm of the gradients as they are. */
export const NORM = 'gradient_norm';
/** Scalar input: what a micro-batch counts. */
export const SHARE = 'share';
export const sumName = (parameter: string): string => `${parameter}/gradient_sum`;

/** Names of the tensors that an update replaces: weights and state of the parameters, not buffers. */
export const updatedNames = (step: TrainStep): string[] =>
  step.parameters.flatMap((p) => [p.name, ...stateSlots(p.rule, step.settings).map((s) => stateName(p.name, s))]);

/** Scalars that group `i` takes as inputs of its own. */
export function groupScalars(step: TrainStep): string[][] {
  return updateGroups(step).map((group) => {
    const names = new Set<string>();
    for (const stage of stagesOf(group.rule, step.settings))
      if ('assign' in stage) for (const s of namesOf(stage.assign).scalars) names.add(s);
    names.delete('gradient_scale');
    return [...names];
  });
}

/** Emits the update of all parameters; outputs `next/…` for each of `updatedNames`. */
function emitUpdate(
  b: GraphBuilder,
  step: TrainStep,
  gradientOf: (p: TrainedParameter) => Value,
  parameterOf: (p: TrainedParameter) => Value,
  scale: Value | undefined,
): void {
  const names = groupScalars(step);
  updateGroups(step).forEach((group, i) => {
    const scalars: Record<string, Value> = Object.fromEntries(
      (names[i] as string[]).map((n) => [n, b.input(scalarInput(i, n), 'float32', [])]),
    );
    if (scale) scalars['gradient_scale'] = scale;
    for (const p of group.parameters) {
      const slots = stateSlots(group.rule, step.settings);
      let arrays: Record<string, Value> = {
        [PARAMETER]: parameterOf(p),
        [GRADIENT]: gradientOf(p),
        ...Object.fromEntries(slots.map((s) => [s, b.input(stateName(p.name, s), 'float32', p.shape)])),
      };
      b.scope(`${step.optimizer.name}/${p.name}`, () => {
        for (const stage of stagesOf(group.rule, step.settings))
          arrays =
            'assign' in stage
              ? { ...arrays, ...emitAssignments(b, stage.assign, arrays, scalars) }
              : { ...arrays, [GRADIENT]: orthogonalized(b, arrays[GRADIENT] as Value, stage.orthogonalize) };
      });
      b.output(nextName(p.name), arrays[PARAMETER] as Value);
      for (const s of slots) b.output(nextName(stateName(p.name, s)), arrays[s] as Value);
    }
  });
}

function normOf(b: GraphBuilder, gradients: readonly Value[]): Value {
  const { op } = b;
  return b.scope('norm', () => op.Sqrt(gradients.map((x) => op.ReduceSumSquare(x)).reduce((a, c) => op.Add(a, c))));
}

const keepOutputs = (graph: Graph, keep: (name: string) => boolean): Graph => ({
  ...graph,
  outputs: graph.outputs.filter((o) => keep(o.name)),
});
const isGradient = (step: TrainStep): ((name: string) => boolean) => {
  const names = new Set(step.parameters.map((p) => gradientName(p.name)));
  return (name) => names.has(name);
};

/** One graph for a whole step of a single batch without loss scale: forward, backward, clipping and update. */
export function wholeStepGraph(step: TrainStep, forward: Graph): Graph {
  const b = GraphBuilder.from(forward);
  const gradients = step.parameters.map((p) => b.value(gradientName(p.name)));
  const { clipNorm } = step.settings;
  let scale: Value | undefined;
  if (clipNorm !== undefined) {
    const norm = normOf(b, gradients);
    b.output(NORM, norm);
    // min(1, c / (‖g‖ + 10⁻⁶)), as PyTorch's clip_grad_norm_
    scale = b.op.Min(b.op.Div(b.scalar(clipNorm), b.op.Add(norm, b.scalar(1e-6))), b.scalar(1));
  }
  const index = new Map(step.parameters.map((p, i) => [p.name, i]));
  emitUpdate(
    b,
    step,
    (p) => gradients[index.get(p.name) as number] as Value,
    (p) => b.value(p.name),
    scale,
  );
  const gradient = isGradient(step);
  return keepOutputs(b.build(), (name) => !gradient(name));
}

/** Forward and backward of one micro-batch: adds its share of the gradients to the sums, and gives the norm of the new sums. */
export function accumulateGraph(step: TrainStep, forward: Graph): Graph {
  const b = GraphBuilder.from(forward);
  const share = b.input(SHARE, 'float32', []);
  const sums = step.parameters.map((p) =>
    b.op.Add(b.input(sumName(p.name), 'float32', p.shape), b.op.Mul(b.value(gradientName(p.name)), share)),
  );
  b.output(NORM, normOf(b, sums));
  step.parameters.forEach((p, i) => b.output(nextName(sumName(p.name)), sums[i] as Value));
  const gradient = isGradient(step);
  return keepOutputs(b.build(), (name) => !gradient(name));
}

/** The update alone, from the sums of the gradients. */
export function updateOnlyGraph(step: TrainStep): Graph {
  const b = new GraphBuilder('update', { opset: step.graph.opset });
  const scale = scalesGradients(step.settings) ? b.input(GRADIENT_SCALE, 'float32', []) : undefined;
  emitUpdate(
    b,
    step,
    (p) => b.input(sumName(p.name), 'float32', p.shape),
    (p) => b.input(p.name, 'float32', p.shape),
    scale,
  );
  return b.build();
}
