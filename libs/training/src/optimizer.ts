import { StrataError } from '@strata/kernel';
import { add, array, div, max, mul, scalar, sign, sqrt, sub } from './kernels/expr.js';
import {
  decayed,
  elementwise,
  g,
  inRange,
  keepScalar,
  lerp,
  PARAMETER,
  rate,
  runningMax,
  w,
  withL2,
  type Optimizer,
} from './update-rule.js';

export interface SgdOptions {
  readonly momentum?: number;
  /** Share of the gradient that is kept out of the momentum, from the second update on. */
  readonly dampening?: number;
  readonly nesterov?: boolean;
  /** L2 penalty, added to the gradient. */
  readonly weightDecay?: number;
}

/**
 * Stochastic gradient descent with momentum as PyTorch defines it (Sutskever et al. 2013):
 * g ← g + λw; u ← μu + (1 − δ)g, at the first update u ← g; w ← w − η(g + μu) with Nesterov, w − ηu without.
 * @throws StrataError `invalid_parameter`
 */
export function sgd(options: SgdOptions = {}): Optimizer {
  const { momentum = 0, dampening = 0, nesterov = false, weightDecay = 0 } = options;
  inRange('momentum', momentum, 1);
  inRange('dampening', dampening);
  inRange('weight_decay', weightDecay);
  if (nesterov && (momentum === 0 || dampening > 0))
    throw new StrataError('invalid_parameter', 'nesterov needs a momentum above 0 and no dampening', {
      where: { field: 'nesterov' },
    });
  return {
    name: 'sgd',
    rule({ weightDecay: decay = weightDecay }) {
      const key = `sgd ${momentum} ${dampening} ${nesterov} ${decay}`;
      const gradient = withL2(decay);
      if (momentum === 0)
        return elementwise(key, {}, { [PARAMETER]: sub(w, mul(gradient, rate)) }, (_, learningRate) => ({
          learning_rate: learningRate,
        }));
      const fresh = dampening > 0 ? mul(gradient, scalar('gradient_share')) : gradient;
      const u = add(mul(array('momentum'), momentum), fresh);
      const step = nesterov ? add(gradient, mul(u, momentum)) : u;
      return elementwise(
        key,
        { momentum: 0 },
        { [PARAMETER]: sub(w, mul(step, rate)), momentum: u },
        (t, learningRate) => ({
          learning_rate: learningRate,
          ...(dampening > 0 ? { gradient_share: t === 1 ? 1 : 1 - dampening } : {}),
        }),
      );
    },
  };
}

export interface AdamOptions {
  readonly betas?: readonly [number, number];
  readonly eps?: number;
  /** `adam`: L2 penalty added to the gradient; `adamw`: share of the weight taken off at each step, times the rate. */
  readonly weightDecay?: number;
  /** Divides by the largest second moment so far (Reddi et al. 2018). */
  readonly amsgrad?: boolean;
}

function adamFamily(name: 'adam' | 'adamw', options: AdamOptions): Optimizer {
  const { betas = [0.9, 0.999], eps = 1e-8, weightDecay = 0, amsgrad = false } = options;
  const [beta1, beta2] = betas;
  inRange('beta_1', beta1, 1);
  inRange('beta_2', beta2, 1);
  inRange('eps', eps);
  inRange('weight_decay', weightDecay);
  return {
    name,
    rule({ weightDecay: decay = weightDecay }) {
      const decoupled = name === 'adamw' ? decay : 0;
      const gradient = withL2(name === 'adam' ? decay : 0);
      const m = add(mul(array('m'), beta1), mul(gradient, 1 - beta1));
      const v = add(mul(array('v'), beta2), mul(mul(gradient, gradient), 1 - beta2));
      const second = amsgrad ? runningMax('v_max', v) : v;
      const root = add(mul(sqrt(second), scalar('root_scale')), eps);
      const step = mul(div(m, root), scalar('step_size'));
      return elementwise(
        `${name} ${beta1} ${beta2} ${eps} ${amsgrad} ${decay}`,
        { m: 0, v: 0, ...(amsgrad ? { v_max: 0 } : {}) },
        { [PARAMETER]: sub(decayed(decoupled), step), m, v, ...(amsgrad ? { v_max: second } : {}) },
        (t, learningRate) => ({
          step_size: learningRate / (1 - beta1 ** t),
          root_scale: 1 / Math.sqrt(1 - beta2 ** t),
          ...keepScalar(decoupled, learningRate),
        }),
      );
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

export interface LionOptions {
  readonly betas?: readonly [number, number];
  /** Decoupled, as in AdamW. */
  readonly weightDecay?: number;
}

/**
 * Lion (Chen et al. 2023, arXiv 2302.06675): w ← (1 − ηλ)w − η sign(β₁m + (1 − β₁)g); m ← β₂m + (1 − β₂)g. The rate wants to be 3 to 10 times smaller than AdamW's.
 * @throws StrataError `invalid_parameter`
 */
export function lion({ betas = [0.9, 0.99], weightDecay = 0 }: LionOptions = {}): Optimizer {
  const [beta1, beta2] = betas;
  inRange('beta_1', beta1, 1);
  inRange('beta_2', beta2, 1);
  inRange('weight_decay', weightDecay);
  const m = array('m');
  return {
    name: 'lion',
    rule: ({ weightDecay: decay = weightDecay }) =>
      elementwise(
        `lion ${beta1} ${beta2} ${decay}`,
        { m: 0 },
        {
          [PARAMETER]: sub(decayed(decay), mul(sign(add(mul(m, beta1), mul(g, 1 - beta1))), rate)),
          m: add(mul(m, beta2), mul(g, 1 - beta2)),
        },
        (_, learningRate) => ({ learning_rate: learningRate, ...keepScalar(decay, learningRate) }),
      ),
  };
}

export interface RmspropOptions {
  /** Share of the old mean square. */
  readonly alpha?: number;
  readonly eps?: number;
  readonly momentum?: number;
  /** Subtracts the square of the mean gradient: divides by an estimate of the standard deviation. */
  readonly centered?: boolean;
  /** L2 penalty, added to the gradient. */
  readonly weightDecay?: number;
}

/**
 * RMSprop as PyTorch defines it (Hinton 2012; centred: Graves 2013): v ← αv + (1 − α)g²; with centring a ← αa + (1 − α)g and v − a² in the place of v;
 * w ← w − η g/(√v + ε), or through a momentum u ← μu + g/(√v + ε).
 * @throws StrataError `invalid_parameter`
 */
export function rmsprop(options: RmspropOptions = {}): Optimizer {
  const { alpha = 0.99, eps = 1e-8, momentum = 0, centered = false, weightDecay = 0 } = options;
  inRange('alpha', alpha, 1);
  inRange('eps', eps);
  inRange('momentum', momentum, 1);
  inRange('weight_decay', weightDecay);
  return {
    name: 'rmsprop',
    rule({ weightDecay: decay = weightDecay }) {
      const gradient = withL2(decay);
      const v = add(mul(array('v'), alpha), mul(mul(gradient, gradient), 1 - alpha));
      const mean = centered ? lerp(array('mean'), gradient, 1 - alpha) : undefined;
      // rounding may leave the difference a little below zero
      const spread = mean ? max(sub(v, mul(mean, mean)), 0) : v;
      const step = div(gradient, add(sqrt(spread), eps));
      const u = momentum > 0 ? add(mul(array('momentum'), momentum), step) : undefined;
      return elementwise(
        `rmsprop ${alpha} ${eps} ${momentum} ${centered} ${decay}`,
        { v: 0, ...(mean ? { mean: 0 } : {}), ...(u ? { momentum: 0 } : {}) },
        { [PARAMETER]: sub(w, mul(u ?? step, rate)), v, ...(mean ? { mean } : {}), ...(u ? { momentum: u } : {}) },
        (_, learningRate) => ({ learning_rate: learningRate }),
      );
    },
  };
}

export interface AdagradOptions {
  readonly eps?: number;
  /** The rate of update t is η / (1 + (t − 1) · rateDecay). */
  readonly rateDecay?: number;
  readonly initialAccumulator?: number;
  /** L2 penalty, added to the gradient. */
  readonly weightDecay?: number;
}

/** Adagrad (Duchi et al. 2011): s ← s + g²; w ← w − η g/(√s + ε). @throws StrataError `invalid_parameter` */
export function adagrad(options: AdagradOptions = {}): Optimizer {
  const { eps = 1e-10, rateDecay = 0, initialAccumulator = 0, weightDecay = 0 } = options;
  inRange('eps', eps);
  inRange('rate_decay', rateDecay);
  inRange('initial_accumulator', initialAccumulator);
  inRange('weight_decay', weightDecay);
  return {
    name: 'adagrad',
    rule({ weightDecay: decay = weightDecay }) {
      const gradient = withL2(decay);
      const sum = add(array('sum'), mul(gradient, gradient));
      return elementwise(
        `adagrad ${eps} ${rateDecay} ${initialAccumulator} ${decay}`,
        { sum: initialAccumulator },
        { [PARAMETER]: sub(w, mul(div(gradient, add(sqrt(sum), eps)), rate)), sum },
        (t, learningRate) => ({ learning_rate: learningRate / (1 + (t - 1) * rateDecay) }),
      );
    },
  };
}
