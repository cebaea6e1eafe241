import type { OpFunctions, Value } from './signatures.js';
import { constant } from './samples.js';

/** Sizes of a convolution of known sizes, one number for each spatial axis. */
export interface ConvCase {
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  readonly before: readonly number[];
  readonly after: readonly number[];
  readonly group: number;
}

/** Every combination of one index for each axis. */
function* offsets(kernel: readonly number[]): Generator<readonly number[]> {
  const [first, ...rest] = kernel;
  if (first === undefined) return void (yield []);
  for (let i = 0; i < first; i++) for (const tail of offsets(rest)) yield [i, ...tail];
}

/** Elements [start, end) of the spatial axes, every `step`-th. */
const part = (op: OpFunctions, x: Value, start: readonly number[], end: readonly number[], step: readonly number[]) =>
  op.Slice(
    x,
    start,
    end,
    start.map((_, i) => i + 2),
    step,
  );

const pad = (op: OpFunctions, x: Value, before: readonly number[], after: readonly number[]) =>
  op.Pad(x, [0, 0, ...before, 0, 0, ...after]);

const numbers = (dims: Value['shape']): number[] => dims.map(Number);

/** A convolution by its definition: a product for each offset inside the window, for types that the runtime has no Conv for. */
export function convByDefinition(op: OpFunctions, x: Value, w: Value, k: ConvCase): Value {
  const [n = 1, c = 1, ...sizes] = numbers(x.shape);
  const [m = 1, cg = 1] = numbers(w.shape);
  const out = sizes.map((d, i) => {
    const reach = ((k.kernel[i] ?? 1) - 1) * (k.dilations[i] ?? 1) + 1;
    return Math.floor((d + (k.before[i] ?? 0) + (k.after[i] ?? 0) - reach) / (k.strides[i] ?? 1)) + 1;
  });
  const length = out.reduce((a, b) => a * b, 1);
  const padded = pad(op, x, k.before, k.after);
  const terms = [...offsets(k.kernel)].map((at) => {
    const start = at.map((o, i) => o * (k.dilations[i] ?? 1));
    const end = start.map((s, i) => s + ((out[i] ?? 1) - 1) * (k.strides[i] ?? 1) + 1);
    const seen = op.Reshape(part(op, padded, start, end, k.strides), [n, k.group, c / k.group, length]);
    const ones = at.map(() => 1);
    const tap = op.Reshape(
      part(
        op,
        w,
        at,
        at.map((o) => o + 1),
        ones,
      ),
      [k.group, m / k.group, cg],
    );
    return op.MatMul(tap, seen);
  });
  return op.Reshape(
    terms.reduce((a, b) => op.Add(a, b)),
    [n, m, ...out],
  );
}

/** A transposed convolution by its definition: each input element adds the kernel, scaled, to the output. `extra` is output_padding. */
export function convTransposeByDefinition(
  op: OpFunctions,
  x: Value,
  w: Value,
  k: ConvCase,
  extra: readonly number[],
): Value {
  const [n = 1, c = 1, ...sizes] = numbers(x.shape);
  const [, mg = 1] = numbers(w.shape);
  // with zeros between the elements, each offset of the kernel is a shift
  let spread = x;
  sizes.forEach((d, i) => {
    const s = k.strides[i] ?? 1;
    if (s === 1) return;
    const axis = i + 2;
    const zeros = op.Mul(op.Unsqueeze(spread, [axis + 1]), constant(op, 0));
    const parts = [op.Unsqueeze(spread, [axis + 1]), ...Array.from({ length: s - 1 }, () => zeros)];
    const shape = numbers(spread.shape).map((size, a) => (a === axis ? d * s : size));
    spread = op.Reshape(op.Concat(parts as [Value, ...Value[]], axis + 1), shape);
  });
  const wide = sizes.map((d, i) => d * (k.strides[i] ?? 1));
  const out = sizes.map(
    (d, i) => (d - 1) * (k.strides[i] ?? 1) + ((k.kernel[i] ?? 1) - 1) * (k.dilations[i] ?? 1) + 1 + (extra[i] ?? 0),
  );
  const area = wide.reduce((a, b) => a * b, 1);
  const rows = op.Reshape(spread, [n, k.group, c / k.group, area]);
  const terms = [...offsets(k.kernel)].map((at) => {
    const ones = at.map(() => 1);
    const tap = op.Reshape(
      part(
        op,
        w,
        at,
        at.map((o) => o + 1),
        ones,
      ),
      [k.group, c / k.group, mg],
    );
    const made = op.Reshape(op.MatMul(op.Transpose(tap, [0, 2, 1]), rows), [n, k.group * mg, ...wide]);
    const shift = at.map((o, i) => o * (k.dilations[i] ?? 1));
    const room = shift.map((s, i) => Math.max(0, (out[i] ?? 0) - s - (wide[i] ?? 0)));
    const placed = pad(op, made, shift, room);
    return part(
      op,
      placed,
      out.map(() => 0),
      out,
      ones,
    );
  });
  const full = terms.reduce((a, b) => op.Add(a, b));
  const end = out.map((d, i) => d - (k.after[i] ?? 0));
  return part(
    op,
    full,
    k.before,
    end,
    out.map(() => 1),
  );
}
