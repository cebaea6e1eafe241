import { differentiate, gradientName, GraphBuilder, type Graph, type Parameter, type Value } from '@strata/graph';
import { StrataError } from '@strata/kernel';
import type { Optimizer } from './optimizer.js';

/** A parameter's tensors in a training graph: what is fed, and the output that replaces it. */
export interface Slot {
  readonly input: string;
  readonly output: string;
  readonly shape: readonly number[];
}

/** One optimiser step as an ONNX graph: forward, loss, backward and update. */
export interface TrainStep {
  readonly graph: Graph;
  readonly optimizer: Optimizer;
  readonly parameters: readonly Parameter[];
  /** Weights and optimiser state alike: inputs whose successors are outputs. Weights come first, in the order of `parameters`. */
  readonly slots: readonly Slot[];
  /** Scalar float32 output: the mean loss of the batch before the update. */
  readonly loss: string;
  /** Names of the scalar inputs that the optimiser feeds. */
  readonly scalars: readonly string[];
}

export interface TrainStepOptions {
  readonly optimizer: Optimizer;
  /** Gradients are scaled down together when their joint Euclidean norm is larger (Pascanu et al. 2013). */
  readonly clipNorm?: number;
  /** Which parameters weight decay applies to; default: those of two and more dimensions, not biases. */
  readonly decays?: (p: Parameter) => boolean;
}

const SCALAR = 'optimizer/';

/**
 * Derives the training graph of a model.
 * @param build emits the forward pass for training and gives the scalar loss, a mean over the batch
 * @throws StrataError `not_differentiable`, `invalid_graph`
 */
export function buildTrainStep(build: (b: GraphBuilder) => Value, options: TrainStepOptions): TrainStep {
  const { optimizer, clipNorm, decays = (p) => p.shape.length >= 2 } = options;
  const forward = new GraphBuilder('train');
  const loss = build(forward);
  if (loss.shape.length > 0 || loss.dtype !== 'float32')
    throw new StrataError(
      'invalid_graph',
      `the loss must be one float32 number, not ${loss.dtype} [${loss.shape.join(', ')}]`,
    );
  forward.output('loss', loss);
  const parameters = [...forward.parameters];
  if (parameters.length === 0) throw new StrataError('invalid_graph', 'the model has no parameter to train');

  const b = GraphBuilder.from(
    differentiate(
      forward.build(),
      'loss',
      parameters.map((p) => p.name),
    ),
  );
  const names = Object.keys(optimizer.scalars(1, 1));
  const scalars = Object.fromEntries(names.map((n) => [n, b.input(SCALAR + n, 'float32', [])]));
  const gradients = clip(
    b,
    parameters.map((p) => b.value(gradientName(p.name))),
    clipNorm,
  );

  const weights: Slot[] = [];
  const states: Slot[] = [];
  parameters.forEach((p, i) => {
    const slotInput = (slot: string): string => `${p.name}/${slot}`;
    const state = Object.fromEntries(optimizer.slots.map((s) => [s, b.input(slotInput(s), 'float32', p.shape)]));
    const updated = b.scope(`${optimizer.name}/${p.name}`, () =>
      optimizer.update(b, {
        parameter: b.value(p.name),
        gradient: gradients[i] as Value,
        state,
        scalars,
        decay: decays(p),
      }),
    );
    const slot = (input: string, value: Value): Slot => {
      b.output(`next/${input}`, value);
      return { input, output: `next/${input}`, shape: p.shape };
    };
    weights.push(slot(p.name, updated.parameter));
    for (const s of optimizer.slots) states.push(slot(slotInput(s), updated.state[s] as Value));
  });
  const all = b.build();
  const keep = new Set(['loss', ...weights.map((s) => s.output), ...states.map((s) => s.output)]);
  return {
    graph: { ...all, outputs: all.outputs.filter((o) => keep.has(o.name)) },
    optimizer,
    parameters,
    slots: [...weights, ...states],
    loss: 'loss',
    scalars: names,
  };
}

/** g ← g · min(1, c / (‖g‖ + 10⁻⁶)), the norm taken over all gradients together, as PyTorch's `clip_grad_norm_`. */
function clip(b: GraphBuilder, gradients: readonly Value[], norm: number | undefined): readonly Value[] {
  if (norm === undefined) return gradients;
  if (!(norm > 0))
    throw new StrataError('invalid_parameter', `the gradient norm to clip at must be positive, not ${norm}`);
  const { op } = b;
  return b.scope('clip', () => {
    const total = gradients.map((g) => op.ReduceSumSquare(g)).reduce((a, c) => op.Add(a, c));
    const factor = op.Min(op.Div(b.scalar(norm), op.Add(op.Sqrt(total), b.scalar(1e-6))), b.scalar(1));
    return gradients.map((g) => op.Mul(g, factor));
  });
}

/** Feeds of the optimiser's scalar inputs. */
export const scalarInput = (name: string): string => SCALAR + name;
