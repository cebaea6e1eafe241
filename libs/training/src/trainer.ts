import { initialParameters } from '@strata/graph';
import { StrataError, type Rng } from '@strata/kernel';
import type { SessionOptions, Tensor } from '@strata/runtime';
import type { TrainStep } from './step.js';
import { createGraphTrainer } from './trainer-graph.js';
import { createKernelTrainer } from './trainer-kernel.js';

/** Weights (and buffers) by name, float32. */
export type Weights = Readonly<Record<string, Tensor<'float32'>>>;

export type Feeds = Readonly<Record<string, Tensor>>;

/**
 * First weights and buffers: those of `given`, the others drawn by their initialisers, each from a stream of its own name.
 * @throws StrataError `invalid_graph` for a parameter that is not float32, or given in another shape
 */
export function initialWeights(step: TrainStep, rng: Rng, given: Weights = {}): Weights {
  const weights: Record<string, Tensor<'float32'>> = {};
  const all = [...step.parameters, ...step.frozen, ...step.buffers];
  for (const p of all) {
    const t = given[p.name];
    if (t && (t.dims.length !== p.shape.length || t.dims.some((d, i) => d !== p.shape[i])))
      throw new StrataError(
        'invalid_graph',
        `"${p.name}" is [${p.shape.join(', ')}], but its first value is [${t.dims.join(', ')}]`,
        { where: { layer: p.name } },
      );
    if (t) weights[p.name] = t;
  }
  const missing = all.filter((p) => !weights[p.name]);
  for (const [name, t] of initialParameters(missing, rng)) {
    if (!(t.data instanceof Float32Array))
      throw new StrataError('invalid_graph', `parameter "${name}" must be float32, not ${t.dtype}`);
    weights[name] = { dtype: 'float32', dims: t.dims, data: t.data };
  }
  return weights;
}

/** Weights, optimiser state and the session that computes gradients. */
export interface Trainer {
  /**
   * One optimiser step; gives the mean loss before the update. Several feeds are micro-batches, run one after another: their losses and gradients are averaged, with `shares` (which add up to
   * 1) when they count differently, for example by their rows. `t` counts steps from 1. Random inputs are drawn here.
   */
  step(feeds: Feeds | readonly Feeds[], t: number, learningRate: number, shares?: readonly number[]): Promise<number>;
  /**
   * Copies weights and state from the device's memory to the tensors that the functions below give: to be awaited before each of them. On a CPU there is nothing to do.
   */
  sync(): Promise<void>;
  /** Weights (trained and frozen) and buffers now, as views: the next step changes them. Copy what must last. */
  weights(): Weights;
  /** The same with the exponential moving averages of the trained weights; undefined when none are kept. */
  averaged(): Weights | undefined;
  /**
   * All that a step changes, as bytes by name: weights, optimiser state, averages, buffers, loss scale. Frozen weights are not among them. Views, so that a checkpoint of gigabytes is not
   * held twice: they must be stored before the next step.
   */
  save(): Record<string, Uint8Array>;
  /** @throws StrataError `checkpoint_mismatch` */
  restore(tensors: Readonly<Record<string, Uint8Array>>): void;
  /** The first parameter, in the order of the model, whose last gradient is not finite, or else whose weights are not. */
  firstNonFinite(): string | undefined;
  /** Euclidean norm of all gradients of the last step together, before clipping; undefined before the first step, or where the device keeps the gradients to itself. */
  gradientNorm(): number | undefined;
  /** Factor of the loss under mixed precision; 1 without. */
  lossScale(): number;
  /** Steps that were left out because gradients were not finite under the loss scale. */
  skipped(): number;
  release(): Promise<void>;
}

export interface TrainerOptions extends SessionOptions {
  /** Seed of the random inputs. */
  readonly seed?: number;
  /**
   * Leaves the weights as they were when gradients are not finite, so that the step can be looked into; a pass over the gradients more. Updates in memory do so for a loss that is not finite in
   * any case; updates in the graph never do.
   */
  readonly guard?: boolean;
  /**
   * Where updates run: `memory`, by fused loops over memory that the runtime shares (the default on a CPU), or `graph`, as nodes of the graph (the default on other devices, whose memory the
   * program cannot see).
   */
  readonly update?: 'memory' | 'graph';
}

/**
 * Makes the session of a training step. `initial` must hold all parameters and buffers (`initialWeights`); it is copied.
 * @throws StrataError `invalid_onnx`, `no_device`, `out_of_memory`
 */
export function createTrainer(step: TrainStep, initial: Weights, options: TrainerOptions): Promise<Trainer> {
  const update = options.update ?? ((options.device ?? 'cpu') === 'cpu' ? 'memory' : 'graph');
  const all = { ...(step.optimization ? { optimization: step.optimization } : {}), ...options };
  return update === 'memory' ? createKernelTrainer(step, initial, all) : createGraphTrainer(step, initial, all);
}
