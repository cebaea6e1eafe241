import { optimizeGraph } from '../passes.js';
import type { Graph } from '../types.js';
import { columnSums } from './column-sums.js';
import { customGradients } from './custom-gradients.js';
import { fewPlaces } from './few-places.js';
import { logSoftmaxByParts } from './log-softmax-by-parts.js';
import { pickedLogSoftmax } from './picked-log-softmax.js';
import { plainProducts } from './plain-products.js';
import { poolPlaces } from './pool-places.js';
import { productTransposes } from './product-transposes.js';
import { reluGradients } from './relu-gradients.js';
import { rowScales } from './row-scales.js';
import { scatterIntoSum } from './scatter-into-sum.js';

/** Where a graph will run. */
export type Target = 'cpu' | 'cuda' | 'webgpu';

/** One device-dependent rewriting of a graph that computes the same. */
export interface Lowering {
  readonly name: string;
  readonly targets: readonly Target[];
  run(graph: Graph, target: Target): Graph;
}

/** All lowerings, in the order in which they run. Each is a file of this folder. */
export const LOWERINGS: readonly Lowering[] = [
  customGradients,
  plainProducts,
  logSoftmaxByParts,
  poolPlaces,
  fewPlaces,
  reluGradients,
  pickedLogSoftmax,
  productTransposes,
  rowScales,
  columnSums,
  scatterIntoSum,
];

/** Graphs that were lowered before: a training's is looked at before its session is made. */
const known = new WeakMap<Graph, Map<Target, Graph>>();

/**
 * The same computation in the operators that a device has, or runs fastest: the last pass before a session is made. Exported models are not lowered, so that every
 * ONNX tool reads them.
 */
export function lowerFor(graph: Graph, target: Target): Graph {
  const before = known.get(graph)?.get(target);
  if (before) return before;
  const changed = LOWERINGS.filter((l) => l.targets.includes(target)).reduce((g, l) => l.run(g, target), graph);
  const lowered = changed === graph ? graph : optimizeGraph(changed);
  known.set(graph, new Map(known.get(graph)).set(target, lowered));
  return lowered;
}
