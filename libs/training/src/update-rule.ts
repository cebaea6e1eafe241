import { StrataError } from '@strata/kernel';
import { add, array, max, mul, scalar, sub, type Assignments, type Expr } from './kernels/expr.js';

/** Orthogonalises the gradient array of a matrix by Newton–Schulz iterations (see newton-schulz.ts). */
export interface Orthogonalize {
  readonly iterations: number;
  readonly coefficients: readonly [number, number, number];
  readonly eps: number;
}

/** A stage of an update: element-wise assignments, or a step on whole matrices, which replaces the array `gradient`. */
export type Stage = { readonly assign: Assignments } | { readonly orthogonalize: Orthogonalize };

/**
 * How one parameter is updated. Expressions see the arrays `parameter`, `gradient` (clipped, of the whole step) and the slots by name, and the numbers of `scalars`. The gradient is gone
 * after the step, so a stage may use its array.
 */
export interface UpdateRule {
  /** Parameters with equal keys share the rule, and are updated by one loop. */
  readonly key: string;
  /** State arrays of the parameter's shape, with the number that fills them at first. */
  readonly slots: Readonly<Record<string, number>>;
  readonly stages: readonly Stage[];
  /** Numbers of update `t` (the first is 1), computed in double precision. */
  scalars(t: number, learningRate: number): Readonly<Record<string, number>>;
}

/** What a rule may depend on. */
export interface RuleInput {
  readonly name: string;
  readonly shape: readonly number[];
  /** Weight decay of the parameter's group when it has its own; 0 where decay does not apply. */
  readonly weightDecay?: number;
}

/** An optimiser: pure data that says what becomes of weights and state. */
export interface Optimizer {
  readonly name: 'sgd' | 'adam' | 'adamw' | 'rmsprop' | 'adagrad' | 'lion' | 'muon';
  rule(p: RuleInput): UpdateRule;
}

export const PARAMETER = 'parameter';
export const GRADIENT = 'gradient';
export const w = array(PARAMETER);
export const g = array(GRADIENT);
export const rate = scalar('learning_rate');

/** (1 − share) · a + share · b as a + share · (b − a), PyTorch's `lerp` for shares below a half. */
export const lerp = (a: Expr, b: Expr, share: number): Expr => add(a, mul(sub(b, a), share));

/** The gradient with an L2 penalty: g + λw. */
export const withL2 = (weightDecay: number): Expr => (weightDecay > 0 ? add(g, mul(w, weightDecay)) : g);

/** Decoupled weight decay: w · (1 − ηλ), the factor being the scalar `keep`. */
export const decayed = (weightDecay: number): Expr => (weightDecay > 0 ? mul(w, scalar('keep')) : w);
export const keepScalar = (weightDecay: number, learningRate: number): Record<string, number> =>
  weightDecay > 0 ? { keep: 1 - learningRate * weightDecay } : {};

export function inRange(name: string, value: number, below = Infinity): void {
  if (!(value >= 0 && value < below))
    throw new StrataError(
      'invalid_parameter',
      below === Infinity
        ? `${name} must be 0 or more, not ${value}`
        : `${name} must be at least 0 and less than ${below}, not ${value}`,
      { where: { field: name } },
    );
}

/** A rule of one element-wise stage. */
export const elementwise = (
  key: string,
  slots: Readonly<Record<string, number>>,
  assign: Assignments,
  scalars: UpdateRule['scalars'],
): UpdateRule => ({ key, slots, stages: [{ assign }], scalars });

/** The running maximum of a state array. */
export const runningMax = (slot: string, value: Expr): Expr => max(array(slot), value);
