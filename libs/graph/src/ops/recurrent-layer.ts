import type { Attrs, DType, Dim } from '../types.js';
import { intAttr, type AttrType, type InferContext, type Inferred, type TrainedContext, type Vjp } from './rule.js';
import type { Value } from './signatures.js';

/*
 * What RNN, GRU and LSTM have in common. X [T, N, I], W [D, G·H, I], R [D, G·H, H], B [D, 2·G·H], sequence_lens int32 [N], initial_h [D, N, H] → Y [T, D, N, H], Y_h [D, N, H].
 *
 * The trained form is unrolled over time and feature-major: a state is [H, N], the gates of a step are R [G·H, H] × h [H, N] + (W x + b). ONNX Runtime's products repack their
 * right operand at each call, so the large weights stand on the left, where nothing is copied; gates lie one after the other, so taking them apart is a plain copy. What does not
 * depend on the previous step is one product over all steps: W x, and the gradients of W, R and x.
 */

export const RECURRENT_ATTRS: Readonly<Record<string, AttrType>> = {
  activation_alpha: 'floats',
  activation_beta: 'floats',
  activations: 'strings',
  clip: 'float',
  direction: 'string',
  hidden_size: 'int',
  layout: 'int',
};

const directionOf = (attrs: Attrs): string => {
  const a = attrs['direction'];
  return a?.type === 'string' ? a.value : 'forward';
};

/** Types of the outputs of an operator with `gates` gates: Y, Y_h and, for LSTM, Y_c. */
export function inferRecurrent(ctx: InferContext, gates: number): readonly Inferred[] {
  const [x, w, r] = [ctx.input(0), ctx.input(1), ctx.input(2)];
  if (x.shape.length !== 3 || w.shape.length !== 3 || r.shape.length !== 3)
    return ctx.fail('its X, W and R must have three axes each');
  const direction = directionOf(ctx.attrs);
  if (!['forward', 'reverse', 'bidirectional'].includes(direction)) ctx.fail(`it has the direction "${direction}"`);
  const d = direction === 'bidirectional' ? 2 : 1;
  const h: Dim = intAttr(ctx.attrs, 'hidden_size', 0) || (r.shape[2] ?? '?');
  const must = (v: Value, axis: number, size: Dim | undefined, what: string): void => {
    const got = v.shape[axis];
    if (typeof got === 'number' && typeof size === 'number' && got !== size)
      ctx.fail(`axis ${axis} of its ${what} must be ${size}, not ${got}`);
  };
  const rows = typeof h === 'number' ? gates * h : undefined;
  must(w, 0, d, 'W');
  must(r, 0, d, 'R');
  must(w, 1, rows, 'W');
  must(r, 1, rows, 'R');
  must(r, 2, h, 'R');
  must(w, 2, x.shape[2], 'W');
  const lens = ctx.inputs[4];
  if (lens && lens.dtype !== 'int32') ctx.fail(`its sequence_lens must be int32, not ${lens.dtype}`);
  const batchFirst = intAttr(ctx.attrs, 'layout', 0) === 1;
  const [t = '?', n = '?'] = batchFirst ? [x.shape[1], x.shape[0]] : x.shape;
  const { dtype } = x;
  const state: Inferred = { dtype, shape: batchFirst ? [n, d, h] : [d, n, h] };
  return [{ dtype, shape: batchFirst ? [n, t, d, h] : [t, d, n, h] }, state, state];
}

/** A layer as its trained form sees it. */
export interface Layer {
  readonly steps: number;
  readonly features: number;
  readonly hidden: number;
  readonly directions: number;
  /** Whether the first direction runs backwards. */
  readonly reverse: boolean;
  readonly dtype: DType;
  /** Which steps are real, when sequence_lens is given. */
  readonly mask: Mask | undefined;
}

export interface Mask {
  /** 1 where step t of row n is real: [T, 1, N]. */
  readonly real: Value;
  /** 1 where step t is the last one of row n: [T, 1, N]. */
  readonly last: Value;
  /** 1 for rows without any step: [1, N]. */
  readonly none: Value;
}

/** @throws through `fail` what has no gradient */
export function layerOf(c: TrainedContext, activations: readonly string[]): Layer {
  const { attrs } = c;
  const [x, r] = [c.input(0), c.input(2)];
  const [steps, , features] = x.shape;
  if (typeof steps !== 'number')
    return c.fail(
      `its trained form needs a known number of steps, but X is [${x.shape.join(', ')}]; build the graph for each length, and give shorter sequences by sequence_lens`,
    );
  const hidden = r.shape[2];
  if (typeof features !== 'number' || typeof hidden !== 'number')
    return c.fail('its trained form needs known numbers of features and hidden units');
  if (attrs['clip']) c.fail('clip has no gradient here');
  if (intAttr(attrs, 'input_forget', 0) !== 0) c.fail('input_forget has no gradient here');
  if (intAttr(attrs, 'layout', 0) !== 0) c.fail('layout 1 has no gradient here');
  if (attrs['activation_alpha'] || attrs['activation_beta'])
    c.fail('activation_alpha and activation_beta have no gradient here');
  const direction = directionOf(attrs);
  const directions = direction === 'bidirectional' ? 2 : 1;
  const given = attrs['activations'];
  if (given?.type === 'strings' && given.value.some((a, i) => a !== activations[i % activations.length]))
    c.fail(`its activations ${given.value.join(', ')} have no gradient here; those of ${activations.join(', ')} have`);
  const { dtype } = x;
  return {
    steps,
    features,
    hidden,
    directions,
    reverse: direction === 'reverse',
    dtype,
    mask: maskOf(c, steps, dtype),
  };
}

function maskOf(c: TrainedContext, steps: number, dtype: DType): Mask | undefined {
  const lens = c.inputs[4];
  if (!lens) return undefined;
  const { op } = c;
  const times = (from: number) =>
    c.constant({ dtype: 'int32', dims: [steps, 1, 1], data: Int32Array.from({ length: steps }, (_, t) => t + from) });
  return {
    real: op.Cast(op.Less(times(0), lens), dtype),
    last: op.Cast(op.Equal(times(1), lens), dtype),
    none: op.Cast(op.Unsqueeze(op.LessOrEqual(lens, c.scalar(0, 'int32')), [0]), dtype),
  };
}

/** State of a cell: h and, for LSTM, c, both [H, N]. */
export interface State {
  readonly h: Value;
  readonly c: Value | undefined;
}

/** What a step gives back: adjoints of what it took. Blocks are those of `Cell.blocks`. */
export interface StepBack {
  /** Adjoints of the step's part of W x + b, [rows of the block, N], divided by `rowScale`. */
  readonly dx: readonly Value[];
  /** Adjoints of the recurrent products; the same values as in `dx` where these are equal. */
  readonly dr: readonly Value[];
  readonly dc?: Value | undefined;
  /** Adjoint of the previous h; `rest` is what else flows into it. */
  previous(rest: Value | undefined): Value;
}

/** One step, forward and backward. */
export interface Step {
  readonly state: State;
  /** What each block of R multiplied, where it was not the previous h. */
  readonly operands?: readonly Value[];
  /** At least one of the adjoints is given. */
  back(dh: Value | undefined, dc: Value | undefined): StepBack;
}

/** One direction of a layer. */
export interface Cell {
  /** Rows of W, R and b in groups that a step takes apart; together G·H. */
  readonly blocks: readonly number[];
  /** W and b [G·H, 1] as the steps want W x + b. */
  readonly w: Value;
  readonly b: Value | undefined;
  /** [G·H, 1]: the true adjoints are the steps' times this. */
  readonly rowScale?: Value;
  /** @param first the previous state is zero */
  step(projected: readonly Value[], previous: State, first: boolean): Step;
}

/** W [G·H, I], R [G·H, H] and B [2·G·H, 1] of one direction. */
export interface Weights {
  readonly w: Value;
  readonly r: Value;
  readonly b: Value | undefined;
}
export type MakeCell = (c: TrainedContext, layer: Layer, weights: Weights) => Cell;

/** The gradient of these operators is that of their trained form. */
export const byTrainedForm: Vjp = (c) => c.fail('only its trained form has a gradient');
