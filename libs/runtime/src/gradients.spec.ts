import { describe, expect, it } from '@jest/globals';
import {
  DEFAULT_OPSET,
  GraphBuilder,
  capturedNames,
  differentiate,
  eliminateDeadCode,
  gradientName,
  isFloat,
  isNotDifferentiable,
  operatorSamples,
  optimizeGraph,
  tensorOf,
  toNumbers,
  toOnnx,
  verify,
  type DType,
  type Dim,
  type Graph,
  type OpRule,
  type OpSample,
  type SampleInput,
  type TensorData,
  type Value,
} from '@strata/graph';
import { createSession, type Session } from './session.js';
import type { Tensor } from './tensor.js';

/** How sizes are declared. `own symbols` leaves open which sizes are equal, or 1. */
const SIZES = ['numbers', 'shared symbols', 'own symbols'] as const;
type Sizes = (typeof SIZES)[number];

function dim(n: number, input: string, axis: number, sizes: Sizes): Dim {
  if (sizes === 'numbers') return n;
  if (sizes === 'shared symbols') return n === 1 ? 1 : `s${n}`;
  return `${input}${axis}`;
}

const STEP = 1e-5;
const cases = [...operatorSamples()];
/** Operators that are newer than the default operator set are tried in theirs. */
const OPSETS = new Map(
  cases.map((c) => [c.sample, Math.max(DEFAULT_OPSET, c.rule.domain === undefined ? c.rule.since : 0)]),
);
const asList = (v: Value | readonly Value[]): readonly Value[] => ('dtype' in v ? [v] : v);
const numbers = (t: Tensor | undefined): number[] => (t ? toNumbers(t as TensorData) : []);
// without fusions and foldings, which know fewer element types
const open = (graph: Graph): Promise<Session> => createSession(toOnnx(graph), { optimization: 'disabled' });
/** Element type in which a sample runs: its own, or float32 where the runtime has the operator for that alone. */
const typeOf = (i: SampleInput, single: boolean): DType => (single && i.dtype === 'float64' ? 'float32' : i.dtype);
const feed = (i: SampleInput, single = false): Tensor => tensorOf(typeOf(i, single), i.shape, i.values) as Tensor;

interface Built {
  readonly graph: Graph;
  /** The loss's weights, which are inputs `r0`, `r1`, … of the shape of each floating output. */
  readonly weights: readonly string[];
}

/** The sample as a graph: outputs y0, y1, … and `loss` = Σ r · y over the floating ones. */
function build(sample: OpSample, sizes: Sizes, as: 'operator' | 'reference', single: boolean): Built {
  const b = new GraphBuilder(sample.name, { opset: OPSETS.get(sample) ?? DEFAULT_OPSET });
  const inputs: Record<string, Value> = {};
  for (const [name, i] of Object.entries(sample.inputs))
    inputs[name] = b.input(
      name,
      typeOf(i, single),
      i.shape.map((n, axis) => dim(n, name, axis, sizes)),
    );
  const outputs = asList(
    as === 'reference' && sample.reference ? sample.reference(b.op, inputs) : sample.build(b.op, inputs),
  );
  outputs.forEach((y, i) => b.output(`y${i}`, y));
  const weights: string[] = [];
  const parts = outputs.flatMap((y, i) => {
    if (!isFloat(y.dtype)) return [];
    weights.push(`r${i}`);
    return [b.op.ReduceSum(b.op.Mul(y, b.input(`r${i}`, y.dtype, y.shape)))];
  });
  if (parts.length > 0)
    b.output(
      'loss',
      parts.reduce((x, y) => b.op.Add(x, y)),
    );
  return { graph: verify(b.build()), weights };
}

/** Only the outputs that are named, and what they need. */
function only(graph: Graph, keep: (output: string) => boolean): Graph {
  const small = eliminateDeadCode({ ...graph, outputs: graph.outputs.filter((o) => keep(o.name)) });
  const used = new Set(small.nodes.flatMap((n) => [...n.inputs, ...capturedNames(n)]));
  return {
    ...small,
    inputs: small.inputs.filter((i) => used.has(i.name) || small.outputs.some((o) => o.name === i.name)),
  };
}

/** Weights without a symmetry in any axis. */
const weightsLike = (t: Tensor | undefined, dtype: DType): Tensor =>
  tensorOf(
    dtype,
    t?.dims ?? [],
    Array.from({ length: t?.data.length ?? 0 }, (_, i) => Math.cos(1 + 1.7 * i)),
  ) as Tensor;

const pick = (feeds: Record<string, Tensor>, graph: Graph): Record<string, Tensor> =>
  Object.fromEntries(Object.entries(feeds).filter(([name]) => graph.inputs.some((i) => i.name === name)));

async function runForward(
  sample: OpSample,
  single: boolean,
): Promise<{ graph: Graph; result: Record<string, Tensor> }> {
  const graph = only(build(sample, 'numbers', 'operator', single).graph, (o) => o !== 'loss');
  const session = await open(graph);
  const feeds = Object.fromEntries(Object.entries(sample.inputs).map(([name, i]) => [name, feed(i, single)]));
  const result = await session.run(pick(feeds, graph));
  await session.release();
  return { graph, result };
}

describe('inferred types and shapes are those of the runtime', () => {
  it.each(cases.map((c) => [c.op, c.sample.name, c] as const))('%s: %s', async (_op, _name, { sample }) => {
    const { graph, result } = await runForward(sample, sample.reference !== undefined);
    for (const o of graph.outputs) {
      const t = result[o.name];
      expect(t?.dtype).toBe(o.dtype);
      expect(o.shape.map((d, i) => (typeof d === 'string' ? t?.dims[i] : d))).toEqual(t?.dims);
    }
  });
});

/** Floating inputs of a sample through which its operator lets gradients flow, or none. */
function wrtOf(sample: OpSample, rule: OpRule): string[] {
  if (isNotDifferentiable(rule.vjp) || rule.differentiable?.length === 0) return [];
  const { graph } = build(sample, 'numbers', 'operator', false);
  const floats = Object.entries(sample.inputs)
    .filter(([, i]) => isFloat(i.dtype))
    .map(([name]) => name);
  // an input that serves for its shape alone has no way to the loss
  return floats.filter(
    (name) =>
      graph.nodes.some((n) => [...n.inputs, ...capturedNames(n)].includes(name) && n.op !== 'Shape') &&
      graph.outputs.some((o) => o.name === 'loss'),
  );
}

/** Central differences of the loss in float64. */
async function differences(
  sample: OpSample,
  wrt: readonly string[],
  weights: Record<string, Tensor>,
): Promise<Record<string, number[]>> {
  const graph = only(build(sample, 'numbers', 'reference', false).graph, (o) => o === 'loss');
  const session = await open(graph);
  const loss = async (feeds: Record<string, Tensor>) =>
    numbers((await session.run(pick(feeds, graph)))['loss'])[0] ?? NaN;
  const feeds = {
    ...Object.fromEntries(Object.entries(sample.inputs).map(([name, i]) => [name, feed(i)])),
    ...weights,
  };
  const result: Record<string, number[]> = {};
  for (const name of wrt) {
    const input = sample.inputs[name] as SampleInput;
    const at = async (k: number, delta: number) =>
      loss({ ...feeds, [name]: feed({ ...input, values: input.values.map((v, j) => (j === k ? v + delta : v)) }) });
    result[name] = [];
    for (let k = 0; k < input.values.length; k++)
      result[name].push(((await at(k, STEP)) - (await at(k, -STEP))) / (2 * STEP));
  }
  await session.release();
  return result;
}

const differentiable = cases.map((c) => ({ ...c, wrt: wrtOf(c.sample, c.rule) })).filter((c) => c.wrt.length > 0);

describe('gradients against central differences in float64', () => {
  it('covers every operator that has a gradient', () => {
    const covered = new Set(differentiable.map((c) => c.op));
    const open = cases.filter(
      (c) => !isNotDifferentiable(c.rule.vjp) && c.rule.differentiable?.length !== 0 && !covered.has(c.op),
    );
    expect(open.map((c) => c.op)).toEqual([]);
  });

  it.each(differentiable.map((c) => [c.op, c.sample.name, c] as const))(
    '%s: %s',
    async (_op, _name, { sample, wrt }) => {
      const single = sample.reference !== undefined;
      const { result } = await runForward(sample, single);
      const { weights } = build(sample, 'numbers', 'operator', single);
      const weightsAs = (dtype: DType) =>
        Object.fromEntries(weights.map((r) => [r, weightsLike(result[r.replace('r', 'y')], dtype)]));
      const expected = await differences(sample, wrt, weightsAs('float64'));
      const feeds = {
        ...Object.fromEntries(Object.entries(sample.inputs).map(([name, i]) => [name, feed(i, single)])),
        ...weightsAs(single ? 'float32' : 'float64'),
      };
      for (const sizes of sample.static ? SIZES.slice(0, 1) : SIZES) {
        const graph = verify(differentiate(build(sample, sizes, 'operator', single).graph, 'loss', wrt));
        for (const g of [graph, optimizeGraph(graph)]) {
          const session = await open(g);
          const gradients = await session.run(pick(feeds, g), wrt.map(gradientName));
          await session.release();
          for (const name of wrt) {
            const gradient = gradients[gradientName(name)];
            expect(gradient?.dims).toEqual(sample.inputs[name]?.shape);
            const tolerance = single ? 2e-6 : 1e-8;
            numbers(gradient).forEach((x, k) => {
              const y = expected[name]?.[k] ?? NaN;
              if (!(Math.abs(x - y) <= tolerance * Math.max(1, Math.abs(y))))
                throw new Error(`${sizes}: d loss / d ${name}[${k}] is ${x}, by differences ${y}`);
            });
          }
        }
      }
    },
  );
});
