import { StrataError } from '@strata/kernel';
import type { GraphBuilder, Value } from '@strata/graph';
import { ratio, type Reduction } from './losses-shared.js';

/** The logarithm of 0 in sums that must stay finite. */
const NEVER = -1e30;
/** Steps of time that are unrolled at most. */
const UNROLLED = 128;

export interface CtcOptions {
  /** Class of the blank; default 0. */
  readonly blank?: number;
  /** A label sequence that does not fit its input costs 0 instead of infinity. */
  readonly zeroInfinity?: boolean;
  readonly reduction?: Reduction;
}

/**
 * Connectionist temporal classification (Graves et al. 2006): the negative logarithm of the probability of a label sequence, summed over all its alignments by the forward
 * algorithm in log space: α_t(s) = ln(e^α_{t-1}(s) + e^α_{t-1}(s-1) + [skip allowed] e^α_{t-1}(s-2)) + lp_t(l'_s) over the labels l' with blanks between them. The same as
 * `torch.nn.functional.ctc_loss`: `mean` divides each row's cost by its label length and takes the mean over the rows.
 * @param logProbs [T, N, C], C known. Steps of time are unrolled into the graph when T is known and at most 128, else a Scan
 * @param targets int64 [N, S], S known; what lies beyond a row's length is not read
 * @param inputLengths int64 [N], 1 … T
 * @param targetLengths int64 [N], 0 … S
 */
export function ctc(
  b: GraphBuilder,
  logProbs: Value,
  targets: Value,
  inputLengths: Value,
  targetLengths: Value,
  options: CtcOptions = {},
): Value {
  const { op } = b;
  const { blank = 0, zeroInfinity = false, reduction = 'mean' } = options;
  const { dtype } = logProbs;
  const [steps, , classes] = logProbs.shape;
  const labels = targets.shape[1];
  if (logProbs.shape.length !== 3 || typeof classes !== 'number' || typeof labels !== 'number')
    throw new StrataError(
      'invalid_graph',
      `the CTC loss takes log-probabilities [T, N, C] with known C and targets [N, S] with known S, not [${logProbs.shape.join(', ')}] and [${targets.shape.join(', ')}]`,
      { where: { node: logProbs.name } },
    );
  const k = (v: number) => b.scalar(v, dtype);
  const id = (v: number) => b.scalar(v, 'int64');
  const width = 2 * labels + 1;
  const rows = op.Shape(targets, { start: 0, end: 1 });
  const filled = (value: Value, size: number): Value => op.Expand(value, op.Concat([rows, b.ints([size])], 0));

  // l' = blank, l_1, blank, … l_S, blank: [N, 2S + 1]
  const inRange = op.Where(op.Less(positions(b, labels), op.Unsqueeze(targetLengths, [1])), targets, id(blank));
  const blanks = filled(id(blank), labels + 1);
  const extended = interleave(b, blanks, inRange, rows, labels);
  const at = op.Expand(
    op.Unsqueeze(extended, [0]),
    op.Concat([op.Shape(logProbs, { start: 0, end: 1 }), rows, b.ints([width])], 0),
  );
  const emissions = op.GatherElements(logProbs, at, { axis: 2 }); // [T, N, 2S + 1]

  // two places back is allowed from a label to another label
  const twoBack = op.Concat([filled(id(blank), 2), op.Slice(extended, [0], [width - 2], [1])], 1);
  const skips = op.And(op.Not(op.Equal(extended, id(blank))), op.Not(op.Equal(extended, twoBack)));
  const skipCost = op.Where(skips, k(0), k(NEVER));

  const at0 = op.Squeeze(op.Slice(emissions, [0], [1], [0]), [0]);
  const first = op.Where(op.Less(positions(b, width), id(2)), at0, k(NEVER));
  const pads = [1, 2].map((by) => filled(k(NEVER), by));
  const never = k(NEVER);
  /** α of the next step; rows whose input has ended keep theirs. */
  const advance = ({ op: o }: Pick<GraphBuilder, 'op'>, alpha: Value, emission: Value, running: Value): Value => {
    const shifted = (by: 1 | 2): Value => o.Concat([pads[by - 1] as Value, o.Slice(alpha, [0], [width - by], [1])], 1);
    const ways = [alpha, shifted(1), o.Add(shifted(2), skipCost)].map((v) => o.Unsqueeze(v, [0]));
    const sum = o.ReduceLogSumExp(o.Concat(ways as [Value, Value, Value], 0), { axes: [0] });
    return o.Where(running, o.Max(o.Add(sum, emission), never), alpha);
  };
  let alpha = first;
  if (typeof steps === 'number' && steps <= UNROLLED)
    for (let t = 1; t < steps; t++) {
      const emission = op.Squeeze(op.Slice(emissions, [t], [t + 1], [0]), [0]);
      alpha = advance(b, alpha, emission, op.Unsqueeze(op.Less(id(t), inputLengths), [1]));
    }
  else {
    const duration = op.Squeeze(op.Shape(logProbs, { start: 0, end: 1 }), [0]);
    const times = op.Range(id(1), duration, id(1));
    const running = op.Less(op.Unsqueeze(times, [1, 2]), op.Unsqueeze(inputLengths, [0, 2])); // [T - 1, N, 1]
    const later = op.Slice(emissions, [1], [Number.MAX_SAFE_INTEGER], [0]);
    const [last] = op.Scan([first], [later, running], (inner, ...[state, emission, going]) => [
      advance(inner, state as Value, emission as Value, going as Value),
    ]);
    alpha = last as Value;
  }

  // the last blank, or the last label, which is not there when the sequence is empty
  const end = op.Mul(targetLengths, id(2));
  const empty = op.Unsqueeze(op.Equal(targetLengths, id(0)), [1]);
  const pick = (place: Value): Value => op.GatherElements(alpha, op.Unsqueeze(place, [1]), { axis: 1 });
  const lastLabel = op.Where(empty, k(NEVER), pick(op.Max(op.Sub(end, id(1)), id(0))));
  const logProbability = op.ReduceLogSumExp(op.Concat([pick(end), lastLabel], 1), { axes: [1] }); // [N]
  const possible = op.Greater(logProbability, k(NEVER / 2));
  const cost = op.Where(possible, op.Neg(logProbability), k(zeroInfinity ? 0 : Infinity));
  if (reduction === 'none') return cost;
  if (reduction === 'sum') return op.ReduceSum(cost);
  return op.ReduceMean(ratio(b, cost, op.Cast(targetLengths, dtype)));
}

const positions = (b: GraphBuilder, n: number): Value => b.ints(Array.from({ length: n }, (_, i) => i));

/** a_1, b_1, a_2, … b_n, a_{n+1} of a [N, n + 1] and b [N, n]. */
function interleave(b: GraphBuilder, a: Value, c: Value, rows: Value, n: number): Value {
  const { op } = b;
  const column = (v: Value): Value => op.Unsqueeze(v, [2]);
  const pairs = op.Concat([column(op.Slice(a, [0], [n], [1])), column(c)], 2); // [N, n, 2]
  return op.Concat([op.Reshape(pairs, op.Concat([rows, b.ints([2 * n])], 0)), op.Slice(a, [n], [n + 1], [1])], 1);
}
