import type { Emitter, TrainedContext } from './rule.js';
import type { Cell, Layer, State, Step, Weights } from './recurrent-layer.js';
import type { Value } from './signatures.js';

/** Which adjoints are wanted. */
export interface Needs {
  readonly x: boolean;
  readonly w: boolean;
  readonly r: boolean;
  readonly b: boolean;
  readonly h0: boolean;
  readonly c0: boolean;
}
export type Gradients = { readonly [K in keyof Needs]: Value | undefined };

/** One direction of a layer. */
export interface Run {
  readonly layer: Layer;
  readonly weights: Weights;
  readonly cell: Cell;
  /** X as [T, I, N]. */
  readonly xt: Value;
  readonly reverse: boolean;
  /** First states, [H, N]; zero when absent. */
  readonly h0: Value | undefined;
  readonly c0: Value | undefined;
}

/** Its outputs, made when they are asked for, and its gradient. */
export interface Unrolled {
  /** [T, N, H]; padding is zero. */
  y(): Value;
  /** [N, H]: the state after the last real step. */
  yh(): Value;
  yc(): Value;
  back(dy: Value | undefined, dyh: Value | undefined, dyc: Value | undefined, needs: Needs): Gradients;
}

export const sum = ({ op }: Pick<Emitter, 'op'>, parts: readonly (Value | undefined)[]): Value | undefined =>
  parts.reduce((a, b) => (a && b ? op.Add(a, b) : (a ?? b)), undefined);

/** Concat, also of one value. */
export const concat = ({ op }: Pick<Emitter, 'op'>, values: readonly Value[], axis: number): Value => {
  const [first, ...rest] = values as readonly [Value, ...Value[]];
  return rest.length === 0 ? first : op.Concat([first, ...rest], axis);
};

const at = <T>(list: readonly T[], i: number): T => list[i] as T;

/** The steps of one direction, one after the other. */
export function unroll(c: TrainedContext, run: Run): Unrolled {
  const { op } = c;
  const { layer, weights, cell, reverse, h0, c0 } = run;
  const { steps, features, hidden, mask, dtype } = layer;
  /** The steps of a value [T·…, N], in pieces of these sizes. */
  const pieces = (v: Value, sizes: readonly number[]): readonly Value[][] => {
    const all = op.Split(v, Array.from({ length: steps }, () => sizes).flat(), 0);
    return Array.from({ length: steps }, (_, t) => all.slice(t * sizes.length, (t + 1) * sizes.length));
  };
  const each = (v: Value, size: number): readonly Value[] => pieces(v, [size]).map(([p]) => p as Value);
  const columns = op.Shape(c.input(0), { start: 1, end: 2 });
  const zero = op.Expand(c.scalar(0, dtype), op.Concat([c.ints([hidden]), columns], 0)); // [H, N]
  const product = op.MatMul(cell.w, run.xt); // [T, G·H, N]
  const flat = op.Reshape(cell.b ? op.Add(product, cell.b) : product, [steps * Number(weights.w.shape[0]), -1]);
  const projected = pieces(flat, cell.blocks);
  // a row that begins with padding, as only a reversed one does, stays in its first state until its sequence begins
  const hold = reverse && mask ? each(op.Squeeze(mask.real, [1]), 1) : undefined;
  const rest = hold?.map((m) => op.Sub(c.scalar(1, dtype), m));
  const order = Array.from({ length: steps }, (_, i) => (reverse ? steps - 1 - i : i));

  const made: { step: Step; previous: State; state: State }[] = [];
  let state: State = { h: h0 ?? zero, c: c0 ?? zero };
  for (const [i, t] of order.entries()) {
    const previous = state;
    const step = cell.step(at(projected, t), previous, i === 0 && !h0 && !c0);
    const held = (now: Value, first: Value | undefined): Value => {
      if (!hold || !rest) return now;
      const kept = op.Mul(now, at(hold, t));
      return first ? op.Add(kept, op.Mul(first, at(rest, t))) : kept;
    };
    state = { h: held(step.state.h, h0), c: step.state.c && held(step.state.c, c0) };
    made[t] = { step, previous, state };
  }
  const final = state;
  const over = (of: (s: State) => Value | undefined): Value =>
    op.Reshape(
      concat(
        c,
        made.map((m) => of(m.state) as Value),
        0,
      ),
      [steps, hidden, -1],
    );
  const hs = once(() => over((s) => s.h)); // [T, H, N]
  const end = (of: (s: State) => Value | undefined, first: Value | undefined, all: () => Value): Value => {
    if (!mask || reverse) return op.Transpose(of(final) as Value, [1, 0]);
    const last = op.ReduceSum(op.Mul(all(), mask.last), { axes: [0] });
    return op.Transpose(first ? op.Add(last, op.Mul(first, mask.none)) : last, [1, 0]);
  };

  const back: Unrolled['back'] = (dy, dyh, dyc, needs) => {
    const [dEnd, dcEnd] = [dyh, dyc].map((g) => g && op.Transpose(g, [1, 0]));
    // forward with lengths, each row ends at its own step; otherwise all end at the last one that is run
    const late = reverse ? undefined : mask;
    const fromY = dy && op.Transpose(dy, [0, 2, 1]);
    const outer = sum(c, [
      fromY && mask ? op.Mul(fromY, mask.real) : fromY,
      late && dEnd ? op.Mul(dEnd, late.last) : undefined,
    ]); // [T, H, N]
    const outers = outer && each(op.Reshape(outer, [steps * hidden, -1]), hidden);
    const lasts = late && dcEnd ? each(op.Squeeze(late.last, [1]), 1) : undefined;
    let dh = late ? undefined : dEnd;
    let dc = late ? undefined : dcEnd;
    let dh0 = late && dEnd && h0 ? op.Mul(dEnd, late.none) : undefined;
    let dc0 = late && dcEnd && c0 ? op.Mul(dcEnd, late.none) : undefined;
    const dxs: (readonly Value[])[] = [];
    const drs: (readonly Value[])[] = [];
    const backwards = [...order].reverse();
    dh = sum(c, [dh, outers && at(outers, backwards[0] as number)]);
    for (const [i, t] of backwards.entries()) {
      if (lasts && dcEnd) dc = sum(c, [dc, op.Mul(dcEnd, at(lasts, t))]);
      if (hold && rest) {
        if (needs.h0 && dh) dh0 = sum(c, [dh0, op.Mul(dh, at(rest, t))]);
        if (needs.c0 && dc) dc0 = sum(c, [dc0, op.Mul(dc, at(rest, t))]);
        dh = dh && op.Mul(dh, at(hold, t));
        dc = dc && op.Mul(dc, at(hold, t));
      }
      const gradient = at(made, t).step.back(dh, dc);
      dxs[t] = gradient.dx;
      drs[t] = gradient.dr;
      dc = gradient.dc;
      const next = backwards[i + 1];
      if (next !== undefined) dh = gradient.previous(outers && at(outers, next));
      else if (needs.h0) dh0 = sum(c, [dh0, gradient.previous(undefined)]);
    }
    if (needs.c0) dc0 = sum(c, [dc0, dc]);

    const stacked = (values: readonly Value[]): Value => concat(c, values, 1); // [rows, T·N]
    const block = (lists: readonly (readonly Value[])[], k: number): readonly Value[] =>
      lists.map((l) => l[k] as Value);
    const dx = cell.blocks.map((_, k) => stacked(block(dxs, k)));
    const dr = cell.blocks.map((_, k) =>
      drs.every((l, t) => l[k] === dxs[t]?.[k]) ? (dx[k] as Value) : stacked(block(drs, k)),
    );
    const previous = once(() => stacked(made.map((m) => m.previous.h)));
    const operand = (k: number): Value =>
      made[0]?.step.operands ? stacked(made.map((m) => (m.step.operands ?? [])[k] as Value)) : previous();
    const scaled = (v: Value): Value => (cell.rowScale ? op.Mul(v, cell.rowScale) : v);
    const rows = (parts: readonly Value[]): Value => scaled(concat(c, parts, 0));
    const total = (parts: readonly Value[]): Value =>
      op.Squeeze(rows(parts.map((p) => op.ReduceSum(p, { axes: [1], keepdims: true }))), [1]);
    const inputGradient = (): Value | undefined => {
      const w = op.Split(scaled(weights.w), cell.blocks, 0);
      return dx.reduce<Value | undefined>((acc, d, k) => op.Gemm(d, at(w, k), acc, { transA: true }), undefined);
    };
    const flatX = once(() => op.Reshape(c.input(0), [-1, features]));
    return {
      w: needs.w ? rows(dx.map((d) => op.Gemm(d, flatX()))) : undefined,
      r: needs.r ? rows(dr.map((d, k) => op.Gemm(d, operand(k), undefined, { transB: true }))) : undefined,
      b: needs.b ? op.Concat([total(dx), total(dr)], 0) : undefined,
      x: needs.x ? inputGradient() : undefined, // [T·N, I]
      h0: dh0 && op.Transpose(dh0, [1, 0]),
      c0: dc0 && op.Transpose(dc0, [1, 0]),
    };
  };
  return {
    y: () => op.Transpose(mask ? op.Mul(hs(), mask.real) : hs(), [0, 2, 1]),
    yh: () => end((s) => s.h, h0, hs),
    yc: () =>
      end(
        (s) => s.c,
        c0,
        () => over((s) => s.c),
      ),
    back,
  };
}

/** Makes a value when it is first asked for. */
function once(make: () => Value): () => Value {
  let value: Value | undefined;
  return () => (value ??= make());
}
