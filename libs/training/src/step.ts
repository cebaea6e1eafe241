import {
  bindParameters,
  differentiate,
  gradientName,
  GraphBuilder,
  type Graph,
  type Parameter,
  type Value,
} from '@strata/graph';
import { StrataError } from '@strata/kernel';
import type { SessionOptions } from '@strata/runtime';
import { inRange, type Optimizer, type UpdateRule } from './update-rule.js';
import type { LossScaleOptions } from './loss-scale.js';
import { requireSameState, type StepGraph } from './step-graph.js';

/** A tensor that a checkpoint holds: a weight or optimiser state (float32), by its name there. */
export interface Slot {
  readonly input: string;
  readonly shape: readonly number[];
}

/** A parameter that is trained, and how. */
export interface TrainedParameter extends Parameter {
  readonly rule: UpdateRule;
  /** Factor of the learning rate. */
  readonly rate: number;
}

/** What a training step computes: forward, loss and gradients as an ONNX graph, and the update of each parameter as a rule. */
export interface TrainStep extends StepGraph {
  /** Graphs for batches of other sizes, over the same weights and state; `graphFor` finds that of a batch. */
  readonly variants: readonly StepGraph[];
  readonly optimizer: Optimizer;
  /** Parameters that are trained, in the order of their declaration. */
  readonly parameters: readonly TrainedParameter[];
  /** Parameters that keep their values: they become constants when a trainer is made. */
  readonly frozen: readonly Parameter[];
  /** State beside the weights, such as running statistics. */
  readonly buffers: readonly Parameter[];
  /** Names of the buffers that a step changes. */
  readonly changing: ReadonlySet<string>;
  /** Weights, then state (`{parameter}/{slot}`), then averaged weights, then buffers. */
  readonly slots: readonly Slot[];
  /** Scalar float32 output: the mean loss of the batch before the update. */
  readonly loss: string;
  /** Scalar float32 input that the gradients were multiplied by; only with `lossScale`. */
  readonly scale?: string;
  readonly settings: StepSettings;
  readonly optimization?: SessionOptions['optimization'];
}

/** What happens to gradients and weights besides the optimiser's rule. */
export interface StepSettings {
  /** Gradients are scaled down together when their joint Euclidean norm is larger (Pascanu et al. 2013). */
  readonly clipNorm?: number;
  /** Gradients are cut to [-clipValue, clipValue], after clipping by norm. */
  readonly clipValue?: number;
  /** Decay of the exponential moving average of the weights, for example 0.999; no average without it. */
  readonly ema?: number;
  /** Dynamic loss scaling for mixed precision (Micikevicius et al. 2018). */
  readonly lossScale?: LossScaleOptions;
}

export interface ParameterGroup {
  readonly match: (p: Parameter) => boolean;
  /** Factor of the learning rate; default 1. */
  readonly learningRate?: number;
  /** In the place of the optimiser's weight decay. */
  readonly weightDecay?: number;
}

export interface TrainStepOptions extends StepSettings {
  readonly optimizer: Optimizer;
  /**
   * The same loss for inputs of other fixed sizes, such as shorter sequences. A batch runs on the first graph whose inputs it fits, these before that of `build`. All declare the same parameters,
   * buffers and random inputs.
   */
  readonly variants?: readonly ((b: GraphBuilder) => Value)[];
  /** Level of the runtime's own optimiser. `disabled` is for unrolled graphs: it finds next to nothing in their thousands of small nodes, and takes most of the time in which they open. */
  readonly optimization?: SessionOptions['optimization'];
  /** Which parameters weight decay applies to; default: those of two and more dimensions, not biases. */
  readonly decays?: (p: Parameter) => boolean;
  /** Which parameters are trained; default: all. The others are frozen. */
  readonly trainable?: (p: Parameter) => boolean;
  /** Settings of some parameters; the first group that matches counts. */
  readonly parameterGroups?: readonly ParameterGroup[];
  /** A pass over the forward graph before it is differentiated, such as mixed precision. Keeps inputs and outputs. */
  readonly beforeGradient?: (graph: Graph) => Graph;
  /** A pass over the finished graph, such as recomputation. Keeps inputs and outputs. */
  readonly afterGradient?: (graph: Graph) => Graph;
}

/** Name of the output that holds what a buffer becomes. */
export const nextName = (buffer: string): string => `next/${buffer}`;
export const stateName = (parameter: string, slot: string): string => `${parameter}/${slot}`;
/** Slot of the averaged weights. */
export const EMA = 'ema';

const SCALED = 'loss_scaled';
const SCALE = 'loss_scale';

/**
 * Derives the training graph of a model.
 * @param build emits the forward pass for training and gives the scalar loss, a mean over the batch
 * @throws StrataError `not_differentiable`, `invalid_graph`, `invalid_parameter`
 */
export function buildTrainStep(build: (b: GraphBuilder) => Value, options: TrainStepOptions): TrainStep {
  checkSettings(options);
  const { trainable = () => true, lossScale, variants = [] } = options;
  const forward = emitForward(build, options);
  const trained = forward.parameters.filter(trainable);
  if (trained.length === 0) throw new StrataError('invalid_graph', 'the model has no parameter to train');
  for (const p of [...trained, ...forward.buffers])
    if (p.dtype !== 'float32')
      throw new StrataError('invalid_graph', `"${p.name}" must be float32 to be trained, not ${p.dtype}`, {
        where: { node: p.name },
      });

  const derive = (b: GraphBuilder): Graph => derived(b, trained, options);
  const graph = derive(forward);
  const parameters = trained.map((p) => withRule(p, options));
  const { clipNorm, clipValue, ema } = options;
  return {
    graph,
    inputs: graph.inputs,
    variants: variants.map((v) => {
      const b = emitForward(v, options);
      requireSameState(forward, b);
      return lazily(b, derive);
    }),
    optimizer: options.optimizer,
    parameters,
    frozen: forward.parameters.filter((p) => !trained.includes(p)),
    buffers: forward.buffers,
    changing: new Set(forward.nextBuffers.keys()),
    randoms: forward.randoms,
    slots: [
      ...parameters.map((p) => ({ input: p.name, shape: p.shape })),
      ...parameters.flatMap((p) =>
        Object.keys(p.rule.slots).map((s) => ({ input: stateName(p.name, s), shape: p.shape })),
      ),
      ...(ema === undefined ? [] : parameters.map((p) => ({ input: stateName(p.name, EMA), shape: p.shape }))),
      ...forward.buffers.map((x) => ({ input: x.name, shape: x.shape })),
    ],
    loss: 'loss',
    ...(lossScale ? { scale: SCALE } : {}),
    settings: {
      ...(clipNorm === undefined ? {} : { clipNorm }),
      ...(clipValue === undefined ? {} : { clipValue }),
      ...(ema === undefined ? {} : { ema }),
      ...(lossScale === undefined ? {} : { lossScale }),
    },
    ...(options.optimization ? { optimization: options.optimization } : {}),
  };
}

/** Forward pass with its outputs. @throws StrataError `invalid_graph` */
function emitForward(build: (b: GraphBuilder) => Value, { lossScale }: TrainStepOptions): GraphBuilder {
  const b = new GraphBuilder('train');
  const loss = build(b);
  if (loss.shape.length > 0 || loss.dtype !== 'float32')
    throw new StrataError(
      'invalid_graph',
      `the loss must be one float32 number, not ${loss.dtype} [${loss.shape.join(', ')}]`,
    );
  b.output('loss', loss);
  if (lossScale) b.output(SCALED, b.op.Mul(loss, b.input(SCALE, 'float32', [])));
  for (const [name, value] of b.nextBuffers) b.output(nextName(name), value);
  return b;
}

/** The forward pass with its gradients. */
function derived(forward: GraphBuilder, trained: readonly Parameter[], options: TrainStepOptions): Graph {
  const { beforeGradient = same, afterGradient = same, lossScale } = options;
  const whole = differentiate(
    beforeGradient(forward.build()),
    lossScale ? SCALED : 'loss',
    trained.map((p) => p.name),
  );
  return afterGradient({ ...whole, outputs: whole.outputs.filter((o) => o.name !== SCALED) });
}
const same = (graph: Graph): Graph => graph;

/** Gradients of a variant are derived when its first batch comes. */
function lazily(forward: GraphBuilder, derive: (b: GraphBuilder) => Graph): StepGraph {
  let made: Graph | undefined;
  return {
    inputs: forward.build().inputs,
    randoms: forward.randoms,
    get graph() {
      return (made ??= derive(forward));
    },
  };
}

function withRule(p: Parameter, options: TrainStepOptions): TrainedParameter {
  const { optimizer, decays = (x) => x.shape.length >= 2, parameterGroups = [] } = options;
  const group = parameterGroups.find((x) => x.match(p));
  const weightDecay = group?.weightDecay ?? (decays(p) ? undefined : 0);
  const rule = optimizer.rule({
    name: p.name,
    shape: p.shape,
    ...(weightDecay === undefined ? {} : { weightDecay }),
  });
  return { ...p, rule, rate: group?.learningRate ?? 1 };
}

function checkSettings({ clipNorm, clipValue, ema, parameterGroups = [] }: TrainStepOptions): void {
  if (clipNorm !== undefined && !(clipNorm > 0))
    throw new StrataError('invalid_parameter', `the gradient norm to clip at must be positive, not ${clipNorm}`);
  if (clipValue !== undefined && !(clipValue > 0))
    throw new StrataError('invalid_parameter', `the value to clip gradients at must be positive, not ${clipValue}`);
  if (ema !== undefined) inRange('ema', ema, 1);
  for (const { learningRate = 1, weightDecay = 0 } of parameterGroups) {
    inRange('learning_rate', learningRate);
    inRange('weight_decay', weightDecay);
  }
}

/** One graph of a step with its frozen parameters as constants. */
export const frozenGraph = (
  step: TrainStep,
  weights: Readonly<Record<string, { dtype: 'float32'; dims: readonly number[]; data: Float32Array }>>,
  { graph }: StepGraph = step,
): Graph =>
  bindParameters(
    graph,
    new Map(
      step.frozen.map((p) => {
        const t = weights[p.name];
        if (!t) throw new StrataError('internal', `the frozen parameter "${p.name}" has no value`);
        return [p.name, t];
      }),
    ),
  );

export const gradientOutputs = (step: TrainStep): string[] => step.parameters.map((p) => gradientName(p.name));
