import { StrataError } from '@strata/kernel';
import type { GraphBuilder, Value } from '@strata/graph';

/** Values of one parameter inside the training graph. */
export interface UpdateInput {
  readonly parameter: Value;
  readonly gradient: Value;
  /** The optimiser's tensors for this parameter, by slot name; each has the parameter's shape. */
  readonly state: Readonly<Record<string, Value>>;
  /** Scalar inputs of the graph, one for each name of `scalars`. */
  readonly scalars: Readonly<Record<string, Value>>;
  /** Whether weight decay applies to this parameter. */
  readonly decay: boolean;
}
export interface Updated {
  readonly parameter: Value;
  readonly state: Readonly<Record<string, Value>>;
}

/** An optimiser: slots that begin as zeros, numbers of each step, and an update that emits graph nodes. All pure. */
export interface Optimizer {
  readonly name: 'sgd' | 'adam' | 'adamw';
  /** Names of its state tensors for each parameter. They begin as zeros. */
  readonly slots: readonly string[];
  /** Numbers that the graph needs at step `t` (the first step is 1), computed in double precision. */
  scalars(t: number, learningRate: number): Readonly<Record<string, number>>;
  update(b: GraphBuilder, input: UpdateInput): Updated;
}

const get = (values: Readonly<Record<string, Value>>, name: string): Value => {
  const v = values[name];
  if (!v) throw new StrataError('internal', `the optimiser's update has no value "${name}"`);
  return v;
};

function inRange(name: string, value: number, below: number): void {
  if (!(value >= 0 && value < below))
    throw new StrataError('invalid_parameter', `${name} must be at least 0 and less than ${below}, not ${value}`, {
      where: { field: name },
    });
}

export interface SgdOptions {
  readonly momentum?: number;
  readonly nesterov?: boolean;
  /** L2 penalty, added to the gradient. */
  readonly weightDecay?: number;
}

/**
 * Stochastic gradient descent with momentum as PyTorch defines it (Sutskever et al. 2013):
 * g ← g + λw; u ← μu + g; w ← w − η(g + μu) with Nesterov, w − ηu without.
 * @throws StrataError `invalid_parameter`
 */
export function sgd({ momentum = 0, nesterov = false, weightDecay = 0 }: SgdOptions = {}): Optimizer {
  inRange('momentum', momentum, 1);
  inRange('weight_decay', weightDecay, Infinity);
  if (nesterov && momentum === 0)
    throw new StrataError('invalid_parameter', 'nesterov needs a momentum above 0', { where: { field: 'nesterov' } });
  return {
    name: 'sgd',
    slots: momentum > 0 ? ['momentum'] : [],
    scalars: (_, learningRate) => ({ learning_rate: learningRate }),
    update(b, { parameter: w, gradient, state, scalars, decay }): Updated {
      const { op } = b;
      const g = weightDecay > 0 && decay ? op.Add(gradient, op.Mul(w, b.scalar(weightDecay))) : gradient;
      const rate = get(scalars, 'learning_rate');
      if (momentum === 0) return { parameter: op.Sub(w, op.Mul(g, rate)), state: {} };
      const mu = b.scalar(momentum);
      const u = op.Add(op.Mul(get(state, 'momentum'), mu), g);
      const step = nesterov ? op.Add(g, op.Mul(u, mu)) : u;
      return { parameter: op.Sub(w, op.Mul(step, rate)), state: { momentum: u } };
    },
  };
}

export interface AdamOptions {
  readonly betas?: readonly [number, number];
  readonly eps?: number;
  /** `adam`: L2 penalty added to the gradient; `adamw`: share of the weight taken off at each step, times the rate. */
  readonly weightDecay?: number;
}

function adamFamily(
  name: 'adam' | 'adamw',
  { betas = [0.9, 0.999], eps = 1e-8, weightDecay = 0 }: AdamOptions,
): Optimizer {
  const [beta1, beta2] = betas;
  inRange('beta_1', beta1, 1);
  inRange('beta_2', beta2, 1);
  inRange('weight_decay', weightDecay, Infinity);
  const decoupled = name === 'adamw' && weightDecay > 0;
  return {
    name,
    slots: ['m', 'v'],
    scalars: (t, learningRate) => ({
      step_size: learningRate / (1 - beta1 ** t),
      root_scale: 1 / Math.sqrt(1 - beta2 ** t),
      ...(decoupled ? { keep: 1 - learningRate * weightDecay } : {}),
    }),
    update(b, { parameter: w, gradient, state, scalars, decay }) {
      const { op } = b;
      const g =
        name === 'adam' && weightDecay > 0 && decay ? op.Add(gradient, op.Mul(w, b.scalar(weightDecay))) : gradient;
      const m = op.Add(op.Mul(get(state, 'm'), b.scalar(beta1)), op.Mul(g, b.scalar(1 - beta1)));
      const v = op.Add(op.Mul(get(state, 'v'), b.scalar(beta2)), op.Mul(op.Mul(g, g), b.scalar(1 - beta2)));
      const root = op.Add(op.Mul(op.Sqrt(v), get(scalars, 'root_scale')), b.scalar(eps));
      const step = op.Mul(op.Div(m, root), get(scalars, 'step_size'));
      const kept = decoupled && decay ? op.Mul(w, get(scalars, 'keep')) : w;
      return { parameter: op.Sub(kept, step), state: { m, v } };
    },
  };
}

/**
 * Adam (Kingma & Ba 2015): m ← β₁m + (1 − β₁)g; v ← β₂v + (1 − β₂)g²;
 * w ← w − η/(1 − β₁ᵗ) · m / (√v/√(1 − β₂ᵗ) + ε).
 * @throws StrataError `invalid_parameter`
 */
export const adam = (options: AdamOptions = {}): Optimizer => adamFamily('adam', options);

/** AdamW (Loshchilov & Hutter 2019): Adam whose decay w ← (1 − ηλ)w stays out of the moments. @throws StrataError `invalid_parameter` */
export const adamw = (options: AdamOptions = {}): Optimizer => adamFamily('adamw', options);
