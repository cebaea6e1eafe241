import { availableParallelism } from 'node:os';
import {
  estimateMemory,
  evalDim,
  inferValues,
  lowerFor,
  productFlops,
  sizesFromFeeds,
  type Graph,
  type Parameter,
} from '@strata/graph';
import { StrataError } from '@strata/kernel';
import { sizeOf, type DeviceKind } from '@strata/runtime';
import { machineSpeed, type MachineSpeed } from './machine-speed.js';
import type { TrainStep } from './step.js';
import { graphFor } from './step-graph.js';
import type { Feeds } from './trainer.js';

/** Bytes by what they are for. */
export interface MemoryPlan {
  /** Trained weights, frozen ones and buffers. */
  readonly weights: number;
  readonly gradients: number;
  /** Optimiser state and averaged weights. */
  readonly optimizer: number;
  /** Values of forward and backward pass that are alive at one time, of one micro-batch. */
  readonly activations: number;
  readonly batch: number;
  /** Copies while a checkpoint is made, and of the best weights. */
  readonly checkpoint: number;
  /** The runtime's session and the program's own objects. */
  readonly session: number;
  readonly total: number;
}

export interface LargeTensor {
  readonly name: string;
  readonly bytes: number;
  readonly kind: 'weight' | 'activation';
}

/** What a training will need, from its graph alone. */
export interface Preflight {
  readonly memory: MemoryPlan;
  /** Largest first. */
  readonly largest: readonly LargeTensor[];
  /** Bytes that there are. */
  readonly limit: number;
  readonly fits: boolean;
  /** Rows of a micro-batch that fit, a power of two at most `ROWS`; 0 when not even one does. */
  readonly batchSize: number;
  /** Multiplications and additions of the matrix products of one step. */
  readonly flops: number;
  /** Bytes that the other operators of one step read and write. */
  readonly traffic: number;
}

/** A batch of another graph of the step. */
interface Run {
  readonly feeds: Feeds;
  /** Of all batches. */
  readonly share: number;
}

export interface PreflightOptions {
  readonly step: TrainStep;
  /** One micro-batch, the largest that will come. */
  readonly feeds: Feeds;
  /** Its rows. */
  readonly rows: number;
  /** The largest batches of the step's other graphs, and the share of all batches that run on each. Every graph that has run keeps its memory. */
  readonly others?: readonly Run[];
  /** Micro-batches of an optimiser step. */
  readonly accumulate?: number;
  /** Bytes that the training may take; what the system has free when absent. */
  readonly limit?: number;
  readonly device?: DeviceKind;
  /** Whether the best weights are kept beside the last. */
  readonly keepsBest?: boolean;
}

/** What the runtime's arena takes for each byte of activations: it grows in blocks and cannot use every gap. Measured for six models: docs/training.md has the table. */
const ARENA = 1.5;
/** Bytes of the session itself and of the program's own objects. */
const SESSION = 64 * 2 ** 20;
/** The largest batch that is proposed. */
const ROWS = 65_536;

/** Bytes of float32 tensors. */
const bytesOf = (tensors: readonly { readonly shape: readonly number[] }[]): number =>
  4 * tensors.reduce((n, t) => n + sizeOf(t.shape), 0);

/** Estimates memory and work of a training from its graphs, the sizes of a batch, and the life of every value. Nothing is run. */
export function preflight(options: PreflightOptions): Preflight {
  const { step, feeds, rows, others = [], accumulate = 1, device = 'cpu', keepsBest = false } = options;
  const limit = options.limit ?? process.availableMemory();
  const graph = concrete(lowerFor(graphFor(step, feeds).graph, device), feeds);
  const estimate = estimateMemory(graph, {});
  // a graph for smaller batches needs and does less by as much as they are smaller
  const batch = batchBytes(feeds);
  const size = (o: Run): number => batchBytes(o.feeds) / Math.max(1, batch);
  const held = 1 + others.reduce((s, o) => s + size(o), 0);
  const work = 1 + others.reduce((s, o) => s + o.share * (size(o) - 1), 0);
  const trained = bytesOf(step.parameters);
  const weights = trained + bytesOf(step.frozen) + bytesOf(step.buffers);
  const slots = bytesOf(step.slots);
  // gradients of micro-batches are summed in a second set
  const gradients = trained * (accumulate > 1 ? 2 : 1);
  const optimizer = slots - trained - bytesOf(step.buffers);
  const activations = Math.round(ARENA * held * estimate.activations);
  const checkpoint = slots + (keepsBest ? 2 * trained : trained);
  const fixed = weights + gradients + optimizer + checkpoint + SESSION;
  const perRow = (activations + batch) / Math.max(1, rows);
  const total = fixed + activations + batch;
  return {
    memory: { weights, gradients, optimizer, activations, batch, checkpoint, session: SESSION, total },
    largest: largestOf(step, estimate.alive),
    limit,
    fits: total <= limit,
    batchSize: powerOfTwo((limit - fixed) / Math.max(1, perRow)),
    flops: accumulate * work * productFlops(graph, {}),
    traffic: accumulate * work * trafficOf(graph) + updateTraffic(step),
  };
}

const batchBytes = (feeds: Feeds): number =>
  Object.values(feeds).reduce((n, t) => n + (Array.isArray(t.data) ? 0 : t.data.byteLength), 0);

/** Seconds of one optimiser step on this machine, from a short measurement of its products and its memory. */
export async function secondsPerStep(
  { flops, traffic }: Preflight,
  options: { readonly threads?: number; readonly device?: DeviceKind } = {},
): Promise<number> {
  const { threads = availableParallelism(), device = 'cpu' } = options;
  const speed: MachineSpeed = await machineSpeed(threads, device);
  return flops / speed.flops + traffic / speed.bandwidth;
}

/** The graph with the sizes of these feeds in the place of its symbols, as far as the inputs show them. */
function concrete(graph: Graph, feeds: Feeds): Graph {
  const sizes = sizesFromFeeds(graph, feeds);
  const inputs = graph.inputs.map((i) => ({ ...i, shape: i.shape.map((d) => evalDim(d, sizes) ?? d) }));
  const outputs = graph.outputs.map((o) => ({ ...o, shape: o.shape.map((d) => evalDim(d, sizes) ?? d) }));
  return { ...graph, inputs, outputs };
}

const PRODUCTS = /^(FusedMatMul|MatMul|Gemm|Conv|ConvTranspose)$/;
const VIEWS = /^(Reshape|Squeeze|Unsqueeze|Flatten|Identity|Shape)$/;

/** Bytes in and out of every node that is neither a product nor a view. */
function trafficOf(graph: Graph): number {
  const values = inferValues(graph);
  const bytes = (name: string): number => {
    const shape = values.get(name)?.shape ?? ['?'];
    return shape.every((d) => typeof d === 'number') ? 4 * sizeOf(shape) : 0;
  };
  return graph.nodes.reduce((sum, n) => {
    if (VIEWS.test(n.op) || PRODUCTS.test(n.op)) return sum;
    return [...n.inputs, ...n.outputs].reduce((s, name) => s + bytes(name), sum);
  }, 0);
}

/** Bytes that the update reads and writes: weights, state, and gradients. */
const updateTraffic = (step: TrainStep): number => 2 * bytesOf(step.slots) + bytesOf(step.parameters);

function largestOf(step: TrainStep, alive: readonly { name: string; bytes: number }[]): LargeTensor[] {
  const all: readonly Parameter[] = [...step.parameters, ...step.frozen, ...step.buffers];
  return [
    ...all.map((p) => ({ name: p.name, bytes: bytesOf([p]), kind: 'weight' as const })),
    ...alive.slice(0, SHOWN).map((v) => ({ ...v, kind: 'activation' as const })),
  ]
    .sort((a, b) => b.bytes - a.bytes)
    .slice(0, SHOWN);
}
const SHOWN = 5;

const powerOfTwo = (rows: number): number => (rows < 1 ? 0 : Math.min(ROWS, 2 ** Math.floor(Math.log2(rows))));

const mib = (bytes: number): string => `${Math.ceil(bytes / 2 ** 20).toLocaleString('en')} MiB`;

/** @throws StrataError `does_not_fit` that names the largest tensors and says what would fit */
export function requireFit(p: Preflight, rows: number): void {
  if (p.fits) return;
  const { memory: m, largest, limit, batchSize } = p;
  const names = largest.map((t) => `${t.kind} "${t.name}" ${mib(t.bytes)}`).join(', ');
  const smaller = Math.min(batchSize, powerOfTwo(rows - 1));
  const advice =
    smaller > 0
      ? `Batches of ${smaller} rows fit; gradient accumulation keeps the effective size.`
      : 'Not even a batch of one row fits: take a smaller model, an optimiser with less state, or a larger limits.memory_mb.';
  throw new StrataError(
    'does_not_fit',
    `the training needs about ${mib(m.total)} (weights ${mib(m.weights)}, gradients ${mib(m.gradients)}, optimiser ${mib(m.optimizer)}, checkpoints ${mib(m.checkpoint)}, ` +
      `activations of ${rows} rows ${mib(m.activations)}) and there are ${mib(limit)}. The largest tensors: ${names}. ${advice}`,
    { where: { layer: largest[0]?.name ?? '' } },
  );
}
