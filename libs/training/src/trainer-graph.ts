import type { Graph } from '@strata/graph';
import { openGraph, zeros, type Session, type Tensor } from '@strata/runtime';
import { createRandomSource } from './random.js';
import { gradientScale, scalarsOf, scalesGradients, updateGroups } from './stages.js';
import { EMA, frozenGraph, nextName, stateName, type TrainStep } from './step.js';
import type { Feeds, Trainer, TrainerOptions, Weights } from './trainer.js';
import { createLedger, restoreSlots, saveSlots } from './trainer-state.js';
import {
  accumulateGraph,
  GRADIENT_SCALE,
  groupScalars,
  NORM,
  scalarInput,
  SHARE,
  sumName,
  updatedNames,
  updateOnlyGraph,
  wholeStepGraph,
} from './update-graph.js';

type Floats = Tensor<'float32'>;

/** Two tensors for each name, that change places when the second has been written. */
class Pairs {
  private readonly now = new Map<string, Floats>();
  private readonly next = new Map<string, Floats>();
  add(name: string, first: Floats): void {
    this.now.set(name, first);
    this.next.set(name, zeros('float32', first.dims));
  }
  get(name: string): Floats {
    return this.now.get(name) as Floats;
  }
  /** Adds the tensors of these names to what a run is fed and writes. */
  bind(names: Iterable<string>, feeds: Record<string, Tensor>, outputs: Record<string, Tensor>): void {
    for (const n of names) {
      feeds[n] = this.now.get(n) as Floats;
      outputs[nextName(n)] = this.next.get(n) as Floats;
    }
  }
  swap(names: Iterable<string>): void {
    for (const n of names) {
      const old = this.now.get(n) as Floats;
      this.now.set(n, this.next.get(n) as Floats);
      this.next.set(n, old);
    }
  }
}

/**
 * A trainer whose updates are nodes of the graph, for devices whose memory the program does not share. A step of one batch is one run; micro-batches and loss scaling take two graphs, one that sums
 * gradients and one that updates.
 */
export async function createGraphTrainer(step: TrainStep, initial: Weights, options: TrainerOptions): Promise<Trainer> {
  const { settings } = step;
  const pairs = new Pairs();
  for (const p of step.parameters) {
    const first = initial[p.name] as Floats;
    pairs.add(p.name, copyOf(first));
    for (const [slot, value] of Object.entries(p.rule.slots))
      pairs.add(stateName(p.name, slot), filled(p.shape, value));
    if (settings.ema !== undefined) pairs.add(stateName(p.name, EMA), copyOf(first));
  }
  for (const x of step.buffers) pairs.add(x.name, copyOf(initial[x.name] as Floats));
  const updated = updatedNames(step);
  const sums = step.parameters.map((p) => sumName(p.name));
  const fixedBuffers = step.buffers.map((x) => x.name).filter((n) => !step.changing.has(n));
  const frozen = Object.fromEntries(step.frozen.map((p) => [p.name, initial[p.name] as Floats]));

  const forward = frozenGraph(step, initial);
  const sessions = new Map<string, Promise<Session>>();
  const session = (kind: string, graph: () => Graph): Promise<Session> => {
    let s = sessions.get(kind);
    if (!s) sessions.set(kind, (s = openGraph(graph(), { ...options, preallocated: true })));
    return s;
  };
  const simple = settings.lossScale === undefined;
  if (simple) await session('step', () => wholeStepGraph(step, forward));
  const random = await createRandomSource(step.randoms, step.graph.inputs, options.seed ?? 0);
  const ledger = createLedger(step);
  const scalarNames = groupScalars(step);
  const loss = zeros('float32', []);
  const normTensor = zeros('float32', []);
  let norm: number | undefined;

  /** Feeds and outputs of forward and backward. */
  function passes(feeds: Feeds, t: number, micro: number): [Record<string, Tensor>, Record<string, Tensor>] {
    const all: Record<string, Tensor> = { ...feeds, ...random.draw(feeds, t, micro) };
    const outputs: Record<string, Tensor> = { [step.loss]: loss };
    for (const p of step.parameters) all[p.name] = pairs.get(p.name);
    for (const n of fixedBuffers) all[n] = pairs.get(n);
    pairs.bind(step.changing, all, outputs);
    if (step.scale) all[step.scale] = number(ledger.scale());
    return [all, outputs];
  }
  function scalarFeeds(t: number, learningRate: number): Record<string, Tensor> {
    const feeds: Record<string, Tensor> = {};
    updateGroups(step).forEach((group, i) => {
      const values = scalarsOf(group.rule, settings, t, learningRate * group.rate, 1);
      for (const n of scalarNames[i] as string[]) feeds[scalarInput(i, n)] = number(values[n] as number);
    });
    return feeds;
  }

  async function single(feeds: Feeds, t: number, learningRate: number): Promise<number> {
    const [all, outputs] = passes(feeds, t, 0);
    pairs.bind(updated, all, outputs);
    if (settings.clipNorm !== undefined) outputs[NORM] = normTensor;
    const s = await session('step', () => wholeStepGraph(step, forward));
    await s.run({ ...all, ...scalarFeeds(t, learningRate) }, outputs);
    pairs.swap([...step.changing, ...updated]);
    norm = settings.clipNorm === undefined ? undefined : (normTensor.data[0] as number);
    return loss.data[0] as number;
  }

  async function several(
    batches: readonly Feeds[],
    t: number,
    rate: number,
    share: (i: number) => number,
  ): Promise<number> {
    for (const p of step.parameters) {
      const name = sumName(p.name);
      pairs.add(name, zeros('float32', p.shape));
    }
    const s = await session('accumulate', () => accumulateGraph(step, forward));
    let mean = 0;
    for (const [i, feeds] of batches.entries()) {
      const [all, outputs] = passes(feeds, t, i);
      pairs.bind(sums, all, outputs);
      await s.run({ ...all, [SHARE]: number(share(i)) }, { ...outputs, [NORM]: normTensor });
      pairs.swap([...step.changing, ...sums]);
      mean += (loss.data[0] as number) * share(i);
    }
    const raw = normTensor.data[0] as number;
    norm = raw / ledger.scale();
    // an overflow of the norm alone counts as one of the gradients: the next scale is smaller
    const finite = simple || Number.isFinite(raw);
    if (finite) {
      const all: Record<string, Tensor> = scalarFeeds(ledger.update(t), rate);
      const outputs: Record<string, Tensor> = {};
      for (const n of sums) all[n] = pairs.get(n);
      if (scalesGradients(settings)) all[GRADIENT_SCALE] = number(gradientScale(settings, raw, ledger.scale()));
      pairs.bind(updated, all, outputs);
      await (await session('update', () => updateOnlyGraph(step))).run(all, outputs);
      pairs.swap(updated);
    }
    ledger.settle(finite);
    return mean;
  }

  const tensorOf = (name: string): Floats => pairs.get(name);
  const rest = (): Weights => ({
    ...frozen,
    ...Object.fromEntries(step.buffers.map((x) => [x.name, pairs.get(x.name)])),
  });
  return {
    step(feeds, t, learningRate, shares) {
      const batches: readonly Feeds[] = isList(feeds) ? feeds : [feeds];
      const [first] = batches;
      if (simple && batches.length === 1 && first) return single(first, t, learningRate);
      return several(batches, t, learningRate, (i) => shares?.[i] ?? 1 / batches.length);
    },
    weights: () => ({ ...Object.fromEntries(step.parameters.map((p) => [p.name, pairs.get(p.name)])), ...rest() }),
    averaged: () =>
      settings.ema === undefined
        ? undefined
        : { ...Object.fromEntries(step.parameters.map((p) => [p.name, pairs.get(stateName(p.name, EMA))])), ...rest() },
    save: () => ({ ...saveSlots(step, tensorOf), ...ledger.save() }),
    restore(stored) {
      restoreSlots(step, tensorOf, stored);
      ledger.restore(stored);
    },
    firstNonFinite: () => step.parameters.find((p) => !pairs.get(p.name).data.every(Number.isFinite))?.name,
    gradientNorm: () => norm,
    lossScale: () => ledger.scale(),
    skipped: () => ledger.skipped(),
    async release() {
      for (const s of sessions.values()) await (await s).release();
    },
  };
}

const isList = (feeds: Feeds | readonly Feeds[]): feeds is readonly Feeds[] => Array.isArray(feeds);
const copyOf = (t: Floats): Floats => ({ ...t, data: t.data.slice() });
const number = (value: number): Floats => ({ dtype: 'float32', dims: [], data: Float32Array.of(value) });
function filled(shape: readonly number[], value: number): Floats {
  const t = zeros('float32', shape);
  t.data.fill(value);
  return t;
}
