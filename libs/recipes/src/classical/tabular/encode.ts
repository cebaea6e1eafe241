import { tensorOf, type GraphBuilder, type Value } from '@strata/graph';
import { StrataError } from '@strata/kernel';
import { unknownCode, widthOf, type TabularPlan } from './plan.js';

/** Standardised numbers are kept within this many standard deviations. */
const CLIP = 5;

/** The columns of a table inside a graph: numbers float32 [N, F] with NaN for missing, category codes int64 [N, C]. Absent when there is none. */
export interface TabularInputs {
  readonly numeric: Value | undefined;
  readonly codes: Value | undefined;
}

/** Inputs of training and validation graphs. */
export function matrixInputs(b: GraphBuilder, plan: TabularPlan): TabularInputs {
  return {
    numeric: plan.numeric.length ? b.input('numeric', 'float32', ['N', plan.numeric.length]) : undefined,
    codes: plan.categorical.length ? b.input('codes', 'int64', ['N', plan.categorical.length]) : undefined,
  };
}

/**
 * Inputs of the exported graph: one for each column under its own name, raw values, [N, 1]. Names become codes by ai.onnx.ml.LabelEncoder; what training never saw gets the
 * code of rare categories, or none.
 */
export function columnInputs(b: GraphBuilder, plan: TabularPlan): TabularInputs {
  const columns = plan.numeric.map((f) => b.input(f.name, 'float32', ['N', 1]));
  const names = plan.categorical.map((f) => b.input(f.name, 'string', ['N', 1]));
  return b.scope('columns', () => {
    const codes = plan.categorical.map((f, i) =>
      b.op.LabelEncoder(
        names[i] as Value,
        tensorOf('string', [f.categories.length], f.categories),
        tensorOf(
          'int64',
          [f.categories.length],
          f.categories.map((_, k) => k),
        ),
        tensorOf('int64', [1], [unknownCode(f)]),
      ),
    );
    return { numeric: joined(b, columns), codes: joined(b, codes) };
  });
}

function joined(b: GraphBuilder, columns: readonly Value[]): Value | undefined {
  const [first, ...rest] = columns;
  return first && (rest.length === 0 ? first : b.op.Concat([first, ...rest], 1));
}

/**
 * Features of each row, float32 [N, width], from raw numbers and codes:
 * - a number x, or its median where missing, standardised and clipped: (x − mean) / σ;
 * - its piecewise-linear encoding over the quantile bins [l, u): clip((x − l) / (u − l), 0, 1) for each bin (Gorishniy et al. 2022, "On embeddings for numerical
 *   features in tabular deep learning");
 * - 1 where a value is missing, for columns that had gaps in training;
 * - categories as one-hot; an unknown one is all zeros where training saw every category.
 */
export function encode(b: GraphBuilder, plan: TabularPlan, inputs: TabularInputs): { features: Value; width: number } {
  const parts: { value: Value; width: number }[] = [];
  b.scope('encode', () => {
    if (inputs.numeric) numericParts(b, plan, inputs.numeric, parts);
    if (inputs.codes) parts.push(oneHot(b, plan, inputs.codes));
  });
  const features = joined(
    b,
    parts.map((p) => p.value),
  );
  if (!features) throw new StrataError('internal', 'a plan without features cannot be encoded');
  return { features, width: parts.reduce((sum, p) => sum + p.width, 0) };
}

function numericParts(
  b: GraphBuilder,
  { numeric }: TabularPlan,
  x: Value,
  parts: { value: Value; width: number }[],
): void {
  const { op } = b;
  const row = (values: readonly number[]): Value => b.constant(tensorOf('float32', [values.length], values));
  const columns = (values: readonly number[]): Value => b.constant(tensorOf('int64', [values.length], values));
  const missing = op.IsNaN(x);
  const filled = op.Where(missing, row(numeric.map((f) => f.fill)), x);
  const standard = op.Mul(op.Sub(filled, row(numeric.map((f) => f.mean))), row(numeric.map((f) => 1 / f.scale)));
  parts.push({ value: op.Clip(standard, b.scalar(-CLIP), b.scalar(CLIP)), width: numeric.length });

  // all bins of all columns side by side: one Gather instead of one small computation per column
  const bins = numeric.flatMap((f, j) =>
    f.edges.slice(1).map((upper, k) => ({ j, lower: f.edges[k] as number, upper })),
  );
  if (bins.length > 0) {
    const spread = op.Gather(filled, columns(bins.map((n) => n.j)), { axis: 1 });
    const ramp = op.Mul(op.Sub(spread, row(bins.map((n) => n.lower))), row(bins.map((n) => 1 / (n.upper - n.lower))));
    parts.push({ value: op.Clip(ramp, b.scalar(0), b.scalar(1)), width: bins.length });
  }
  const gaps = numeric.flatMap((f, j) => (f.missing ? [j] : []));
  if (gaps.length > 0)
    parts.push({ value: op.Cast(op.Gather(missing, columns(gaps), { axis: 1 }), 'float32'), width: gaps.length });
}

function oneHot(b: GraphBuilder, { categorical }: TabularPlan, codes: Value): { value: Value; width: number } {
  const places = categorical.flatMap((f, j) => Array.from({ length: widthOf(f) }, (_, code) => ({ j, code })));
  const constant = (values: readonly number[]): Value => b.constant(tensorOf('int64', [values.length], values));
  const spread = b.op.Gather(codes, constant(places.map((p) => p.j)), { axis: 1 });
  return { value: b.op.Cast(b.op.Equal(spread, constant(places.map((p) => p.code))), 'float32'), width: places.length };
}
