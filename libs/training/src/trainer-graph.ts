import type { Graph } from '@strata/graph';
import { zeros, type Session, type Tensor } from '@strata/runtime';
import { createRandomSource } from './random.js';
import { gradientScale, scalarsOf, scalesGradients, updateGroups } from './stages.js';
import { createState } from './state-tensors.js';
import { graphFor, type StepGraph } from './step-graph.js';
import { EMA, frozenGraph, stateName, type TrainStep } from './step.js';
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

/**
 * A trainer whose updates are nodes of the graph, for devices whose memory the program does not share. A step of one batch is one run; micro-batches and loss scaling take two graphs, one that sums
 * gradients and one that updates.
 */
export async function createGraphTrainer(step: TrainStep, initial: Weights, options: TrainerOptions): Promise<Trainer> {
  const { settings } = step;
  const pairs = createState(options);
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

  const graphs = [step, ...step.variants];
  const sessions = new Map<string, Session>();
  const session = async (kind: string, changed: readonly string[], graph: () => Graph): Promise<Session> => {
    let s = sessions.get(kind);
    if (!s) sessions.set(kind, (s = await pairs.open(graph(), changed)));
    return s;
  };
  const changing = [...step.changing];
  const weightNames = step.parameters.map((p) => p.name);
  const whole = (of: StepGraph): Promise<Session> =>
    session(`step ${graphs.indexOf(of)}`, [...changing, ...updated], () =>
      wholeStepGraph(step, frozenGraph(step, frozen, of)),
    );
  const summed = (of: StepGraph): Promise<Session> =>
    session(`accumulate ${graphs.indexOf(of)}`, [...changing, ...sums], () =>
      accumulateGraph(step, frozenGraph(step, frozen, of)),
    );
  const simple = settings.lossScale === undefined;
  if (simple) await whole(step);
  const random = await createRandomSource(step.randoms, step.graph.inputs, options.seed ?? 0);
  const ledger = createLedger(step);
  const scalarNames = groupScalars(step);
  const loss = zeros('float32', []);
  const normTensor = zeros('float32', []);
  let norm: number | undefined;

  /** What forward and backward are fed besides the state. */
  function batchFeeds(of: StepGraph, feeds: Feeds, t: number, micro: number): Record<string, Tensor> {
    const all: Record<string, Tensor> = { ...feeds, ...random.draw(feeds, t, micro, of) };
    if (step.scale) all[step.scale] = number(ledger.scale());
    return all;
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
    const of = graphFor(step, feeds);
    const outputs: Record<string, Tensor> = { [step.loss]: loss };
    if (settings.clipNorm !== undefined) outputs[NORM] = normTensor;
    const all = { ...batchFeeds(of, feeds, t, 0), ...scalarFeeds(t, learningRate) };
    await pairs.run(await whole(of), all, fixedBuffers, [...changing, ...updated], outputs);
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
    const changed = [...changing, ...sums];
    let mean = 0;
    for (const [i, feeds] of batches.entries()) {
      const of = graphFor(step, feeds);
      const all = { ...batchFeeds(of, feeds, t, i), [SHARE]: number(share(i)) };
      await pairs.run(await summed(of), all, [...weightNames, ...fixedBuffers], changed, {
        [step.loss]: loss,
        [NORM]: normTensor,
      });
      mean += (loss.data[0] as number) * share(i);
    }
    const raw = normTensor.data[0] as number;
    norm = raw / ledger.scale();
    // an overflow of the norm alone counts as one of the gradients: the next scale is smaller
    const finite = simple || Number.isFinite(raw);
    if (finite) {
      const all: Record<string, Tensor> = scalarFeeds(ledger.update(t), rate);
      if (scalesGradients(settings)) all[GRADIENT_SCALE] = number(gradientScale(settings, raw, ledger.scale()));
      await pairs.run(await session('update', updated, () => updateOnlyGraph(step)), all, sums, updated, {});
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
    sync: () => pairs.sync(),
    restore(stored) {
      restoreSlots(step, tensorOf, stored);
      pairs.written();
      ledger.restore(stored);
    },
    firstNonFinite: () => step.parameters.find((p) => !pairs.get(p.name).data.every(Number.isFinite))?.name,
    gradientNorm: () => norm,
    lossScale: () => ledger.scale(),
    skipped: () => ledger.skipped(),
    async release() {
      pairs.release();
      for (const s of sessions.values()) await s.release();
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
