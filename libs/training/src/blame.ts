import { GraphBuilder, isFloat, type Graph, type Node } from '@strata/graph';
import { openGraph, type Tensor } from '@strata/runtime';
import { createRandomSource } from './random.js';
import { frozenGraph, type TrainStep } from './step.js';
import { graphFor } from './step-graph.js';
import type { Feeds, Weights } from './trainer.js';

/** Where the first value that is not finite arose. */
export interface Blame {
  readonly kind: 'input' | 'weight' | 'forward' | 'backward';
  /** Layer: the scope that the node's name begins with; of a weight its own name. */
  readonly layer: string;
  readonly node: string;
  /** One sentence for people. */
  readonly story: string;
}

export interface Suspect {
  readonly step: TrainStep;
  /** Weights before the step that failed. */
  readonly weights: Weights;
  readonly batches: readonly Feeds[];
  /** Number of the step, from 1, and seed of the random inputs: they are drawn again. */
  readonly t: number;
  readonly seed: number;
}

const finite = (t: Tensor | undefined): boolean =>
  !t || !(t.data instanceof Float32Array || t.data instanceof Float64Array) || t.data.every(Number.isFinite);

/**
 * Runs the failed step once more with every value of the graph watched, and finds the first that is not finite, in the order of the graph: forward pass, then gradients. Undefined
 * when all are finite.
 */
export async function findBlame({ step, weights, batches, t, seed }: Suspect): Promise<Blame | undefined> {
  for (const p of [...step.parameters, ...step.frozen, ...step.buffers])
    if (!finite(weights[p.name]))
      return {
        kind: 'weight',
        layer: p.name,
        node: p.name,
        story: `the weights of "${p.name}" are not finite: an earlier step gave them a gradient that was not`,
      };
  const random = await createRandomSource(step.randoms, step.graph.inputs, seed);
  const fixed = new Set(step.frozen.map((p) => p.name));
  const fed = Object.fromEntries(Object.entries(weights).filter(([name]) => !fixed.has(name)));
  for (const [micro, batch] of batches.entries()) {
    for (const [name, value] of Object.entries(batch))
      if (!finite(value))
        return {
          kind: 'input',
          layer: name,
          node: name,
          story: `the batch has values in "${name}" that are not finite`,
        };
    const scale: Feeds = step.scale ? { [step.scale]: { dtype: 'float32', dims: [], data: Float32Array.of(1) } } : {};
    const of = graphFor(step, batch);
    const graph = frozenGraph(step, weights, of);
    const feeds = { ...fed, ...batch, ...random.draw(batch, t, micro, of), ...scale };
    const node = await firstNode(graph, feeds);
    if (node) return describe(node, await largestInput(graph, node, feeds));
  }
  return undefined;
}

/** Σ (x - x) of every float value: 0, or NaN where x is not finite. One vector comes out, so nothing is held longer than usual. */
async function firstNode(graph: Graph, feeds: Feeds): Promise<Node | undefined> {
  const b = GraphBuilder.from({ ...graph, outputs: [] });
  const watched: Node[] = [];
  const flags = graph.nodes.flatMap((node) =>
    node.outputs.flatMap((name) => {
      if (name === '' || !b.has(name) || b.value(name).dtype !== 'float32') return [];
      const x = b.value(name);
      watched.push(node);
      return [b.op.Reshape(b.op.ReduceSum(b.op.Sub(x, x)), [1])];
    }),
  );
  const [first, ...rest] = flags;
  if (!first) return undefined;
  b.output('watchdog', b.op.Concat([first, ...rest], 0));
  const session = await openGraph(b.build(), { optimization: 'disabled' });
  try {
    const out = (await session.run(pick(feeds, graph)))['watchdog'] as Tensor<'float32'>;
    return watched[out.data.findIndex((v) => !Number.isFinite(v))];
  } finally {
    await session.release();
  }
}

/** The largest magnitude among the float inputs of the node, and which it was. */
async function largestInput(
  graph: Graph,
  node: Node,
  feeds: Feeds,
): Promise<{ name: string; size: number } | undefined> {
  const b = GraphBuilder.from({ ...graph, outputs: [] });
  const names = [...new Set(node.inputs)].filter((n) => n !== '' && b.has(n) && isFloat(b.value(n).dtype));
  if (names.length === 0) return undefined;
  names.forEach((n, i) => b.output(`watchdog_${i}`, b.op.ReduceMax(b.op.Abs(b.value(n)))));
  const session = await openGraph(b.build(), { optimization: 'disabled' });
  try {
    const out = await session.run(pick(feeds, graph));
    return names
      .map((name, i) => ({ name, size: Number(out[`watchdog_${i}`]?.data[0]) }))
      .reduce((x, y) => (y.size > x.size ? y : x));
  } finally {
    await session.release();
  }
}

const pick = (feeds: Feeds, graph: Graph): Feeds =>
  Object.fromEntries(graph.inputs.flatMap(({ name }) => (feeds[name] ? [[name, feeds[name]]] : [])));

const GRADIENTS = 'grad/';

/** Name of a node without its last part: the scopes that it was made in. */
const scopeOf = (name: string): string => (name.includes('/') ? name.slice(0, name.lastIndexOf('/')) : name);

function describe(node: Node, largest: { name: string; size: number } | undefined): Blame {
  const backward = node.name.startsWith(GRADIENTS);
  // a node of the gradient is named after the node whose gradient it is part of
  const layer = backward ? scopeOf(scopeOf(node.name).slice(GRADIENTS.length)) : scopeOf(node.name);
  const size = largest ? `, up to ${Number(largest.size.toPrecision(3))} in size ("${largest.name}")` : '';
  return {
    kind: backward ? 'backward' : 'forward',
    layer,
    node: node.name,
    story: `the first value that is not finite comes from ${node.op} "${node.name}" in layer "${layer}", in the ${backward ? 'gradients' : 'forward pass'}; what went into it was finite${size}`,
  };
}
