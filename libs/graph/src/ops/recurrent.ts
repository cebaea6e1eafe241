import type { Layer, MakeCell, Weights } from './recurrent-layer.js';
import { concat, sum, unroll, type Needs, type Unrolled } from './recurrent-unroll.js';
import type { Trained, TrainedContext } from './rule.js';
import type { Value } from './signatures.js';

/** Weights of direction d without their first axis; `size` is the axis that stays open in a bias. */
function ofDirection(c: TrainedContext, v: Value, directions: number, d: number, shape: readonly number[]): Value {
  if (directions === 1) return c.op.Reshape(v, shape);
  return c.op.Reshape(c.op.Slice(v, [d], [d + 1], [0]), shape);
}

/** The trained form of RNN, GRU or LSTM. `gates` counts blocks of H rows. */
export function trainRecurrent(c: TrainedContext, layer: Layer, gates: number, makeCell: MakeCell): Trained {
  const { op } = c;
  const { features, hidden, directions } = layer;
  const rows = gates * hidden;
  const x = c.input(0);
  const xt = op.Transpose(x, [0, 2, 1]); // [T, I, N]
  const runs = Array.from({ length: directions }, (_, d) => {
    const weights: Weights = {
      w: ofDirection(c, c.input(1), directions, d, [rows, features]),
      r: ofDirection(c, c.input(2), directions, d, [rows, hidden]),
      b: c.inputs[3] && ofDirection(c, c.inputs[3], directions, d, [2 * rows, 1]),
    };
    const initial = (i: number): Value | undefined => {
      const v = c.inputs[i];
      if (!v) return undefined;
      return op.Transpose(op.Squeeze(directions === 1 ? v : op.Slice(v, [d], [d + 1], [0]), [0]), [1, 0]);
    };
    return unroll(c, {
      layer,
      weights,
      cell: makeCell(c, layer, weights),
      xt,
      reverse: layer.reverse || d === 1,
      h0: initial(5),
      c0: initial(6),
    });
  });
  const join = (parts: readonly Value[], axis: number): Value =>
    concat(
      c,
      parts.map((p) => op.Unsqueeze(p, [axis])),
      axis,
    );
  const output = (i: number, of: (run: Unrolled) => Value, axis: number): Value | undefined =>
    c.wanted(i) ? join(runs.map(of), axis) : undefined;
  return {
    outputs: [output(0, (r) => r.y(), 1), output(1, (r) => r.yh(), 0), output(2, (r) => r.yc(), 0)],
    vjp: (v) => {
      const needs: Needs = {
        x: v.needs(0),
        w: v.needs(1),
        r: v.needs(2),
        b: v.needs(3),
        h0: v.needs(5),
        c0: v.needs(6),
      };
      const gradients = runs.map((run, d) => {
        const part = (i: number, axis: number): Value | undefined => {
          const g = v.grads[i];
          return g && op.Squeeze(directions === 1 ? g : op.Slice(g, [d], [d + 1], [axis]), [axis]);
        };
        return run.back(part(0, 1), part(1, 0), part(2, 0), needs);
      });
      const all = (name: keyof Needs): Value | undefined => {
        const parts = gradients.flatMap((g) => g[name] ?? []);
        return parts.length === directions ? join(parts, 0) : undefined;
      };
      const dx = sum(
        c,
        gradients.map((g) => g.x),
      );
      return [dx && v.reshapeLike(dx, x), all('w'), all('r'), all('b'), undefined, all('h0'), all('c0')];
    },
  };
}
