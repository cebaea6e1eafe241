import type { Graph, GraphBuilder, RandomInput, ValueInfo } from '@strata/graph';
import { StrataError } from '@strata/kernel';

/** One graph of a training step, for batches that its inputs fit. */
export interface StepGraph {
  /** Outputs: the loss, a gradient for each parameter (`gradientName`), and what buffers become (`nextName`). */
  readonly graph: Graph;
  readonly inputs: readonly ValueInfo[];
  /** Inputs that the trainer draws. */
  readonly randoms: readonly RandomInput[];
}

type Shapes = Readonly<Record<string, { readonly dims: readonly number[] }>>;

const fits = ({ inputs }: StepGraph, feeds: Shapes): boolean =>
  inputs.every(({ name, shape }) => {
    const dims = feeds[name]?.dims;
    return !dims || (dims.length === shape.length && shape.every((d, i) => typeof d === 'string' || d === dims[i]));
  });

/** The graph that a batch runs on. @throws StrataError `invalid_input` when it fits none of several */
export function graphFor(step: StepGraph & { readonly variants: readonly StepGraph[] }, feeds: Shapes): StepGraph {
  // with a single graph the runtime judges the feeds
  if (step.variants.length === 0) return step;
  const found = [...step.variants, step].find((g) => fits(g, feeds));
  if (found) return found;
  const shapes = Object.entries(feeds).map(([name, { dims }]) => `"${name}" [${dims.join(', ')}]`);
  throw new StrataError(
    'invalid_input',
    `a batch of ${shapes.join(', ')} fits none of the ${step.variants.length + 1} graphs of the training step`,
  );
}

/** @throws StrataError `invalid_graph` when a variant of a step has other weights, state or random inputs */
export function requireSameState(first: GraphBuilder, variant: GraphBuilder): void {
  const state = (b: GraphBuilder): string[] => [
    ...[...b.parameters, ...b.buffers].map((p) => `"${p.name}" ${p.dtype} [${p.shape.join(', ')}]`),
    ...[...b.nextBuffers.keys()].map((name) => `the next value of "${name}"`),
    // their sizes may differ
    ...b.randoms.map((r) => `"${r.name}" ${r.kind} ${r.rate}`),
  ];
  const [all, own] = [state(first), state(variant)];
  const only = (some: readonly string[], others: readonly string[]): string[] =>
    some.filter((s) => !others.includes(s));
  const odd = [...only(own, all), ...only(all, own)];
  if (odd.length > 0)
    throw new StrataError(
      'invalid_graph',
      `the graphs of a training step must have the same parameters, buffers and random inputs; ${odd.join(', ')} is not in all of them`,
    );
}
