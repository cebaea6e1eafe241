import { gradientName, GraphBuilder, type Parameter } from '@strata/graph';
import { openGraph, sizeOf, zeros, type Session, type Tensor } from '@strata/runtime';
import { add, array, mul, scalar, type Assignments } from './kernels/expr.js';
import { ALIGN, compileKernels, createArena, type Arena, type Kernel } from './kernels/memory.js';
import { LANES } from './kernels/wat.js';
import { orthogonalized } from './newton-schulz.js';
import { GRADIENT, PARAMETER, type Orthogonalize, type Stage } from './update-rule.js';
import { createRandomSource } from './random.js';
import {
  gradientScale,
  scalarsOf,
  scalesGradients,
  stagesOf,
  stateSlots,
  updateGroups,
  type UpdateGroup,
} from './stages.js';
import { graphFor, type StepGraph } from './step-graph.js';
import { EMA, frozenGraph, nextName, stateName, type TrainedParameter, type TrainStep } from './step.js';
import type { Feeds, Trainer, TrainerOptions, Weights } from './trainer.js';
import { createLedger, restoreSlots, saveSlots } from './trainer-state.js';

type Floats = Tensor<'float32'>;

/** Numbers of a parameter in the arena, padded so that the next one begins at a cache line. */
const padded = (p: TrainedParameter): number => Math.ceil(sizeOf(p.shape) / LANES) * LANES;

/** A group's parameters side by side: number `i` of the group lies at the same place in every array. */
interface Segment extends UpdateGroup {
  readonly stages: readonly Stage[];
  /** Numbers, a multiple of LANES. */
  readonly size: number;
  /** First byte of each array: weights, gradients, scratch and state by name. */
  readonly at: Readonly<Record<string, number>>;
}

const SCRATCH = 'scratch';

/** acc ← share of acc · acc + share of gradient · gradient. */
const ACCUMULATE: Assignments = {
  sum: add(mul(array('sum'), scalar('kept')), mul(array('term'), scalar('share'))),
};

function layOut(step: TrainStep): { segments: Segment[]; bytes: number } {
  const groups = updateGroups(step).map((group) => ({
    ...group,
    stages: stagesOf(group.rule, step.settings),
    size: group.parameters.reduce((n, p) => n + padded(p), 0),
    at: {} as Record<string, number>,
  }));
  let bytes = 0;
  const place = (group: (typeof groups)[number], name: string): void => {
    group.at[name] = bytes;
    bytes += Math.ceil((4 * group.size) / ALIGN) * ALIGN;
  };
  // array by array, so that all gradients, and all scratch, are one stretch
  for (const name of [PARAMETER, GRADIENT, SCRATCH]) for (const group of groups) place(group, name);
  for (const group of groups) for (const name of stateSlots(group.rule, step.settings)) place(group, name);
  return { segments: groups, bytes };
}

/** Views of one array for each parameter. */
function viewsOf(arena: Arena, segments: readonly Segment[], array: string): Map<string, Floats> {
  const views = new Map<string, Floats>();
  for (const s of segments) {
    let at = s.at[array];
    if (at === undefined) continue;
    for (const p of s.parameters) {
      views.set(p.name, { dtype: 'float32', dims: p.shape, data: arena.floats(at, sizeOf(p.shape)) });
      at += 4 * padded(p);
    }
  }
  return views;
}

/** Sessions that orthogonalise matrices, one for each shape. */
async function orthogonalizers(segments: readonly Segment[], options: TrainerOptions): Promise<Map<string, Session>> {
  const sessions = new Map<string, Session>();
  for (const s of segments)
    for (const stage of s.stages) {
      if (!('orthogonalize' in stage)) continue;
      for (const p of s.parameters) {
        const key = sessionKey(p, stage.orthogonalize);
        if (sessions.has(key)) continue;
        const b = new GraphBuilder('orthogonalize');
        b.output('orthogonal', orthogonalized(b, b.input('matrix', 'float32', p.shape), stage.orthogonalize));
        sessions.set(key, await openGraph(b.build(), { ...options, preallocated: true }));
      }
    }
  return sessions;
}
const sessionKey = (p: TrainedParameter, o: Orthogonalize): string => `${p.shape.join('x')} ${JSON.stringify(o)}`;

/**
 * A trainer whose weights, gradients and optimiser state lie in one WebAssembly memory: the runtime reads weights and writes gradients there, a fused loop for each group of parameters updates
 * weights and state in place. Nothing is copied.
 */
export async function createKernelTrainer(
  step: TrainStep,
  initial: Weights,
  options: TrainerOptions,
): Promise<Trainer> {
  const { settings } = step;
  const { guard = false } = options;
  const { segments, bytes } = layOut(step);
  const arena = createArena(bytes);
  const loops = segments.flatMap((s) => s.stages.flatMap((stage) => ('assign' in stage ? [stage.assign] : [])));
  const kernels = await compileKernels(arena, [...loops, ACCUMULATE]);
  const accumulate = kernels.updates.at(-1) as Kernel;
  const kernelOf = new Map(loops.map((a, i) => [a, kernels.updates[i] as Kernel]));
  const parameters = viewsOf(arena, segments, PARAMETER);
  const gradients = viewsOf(arena, segments, GRADIENT);
  const scratch = viewsOf(arena, segments, SCRATCH);
  const averages = viewsOf(arena, segments, EMA);
  const tensors = new Map<string, Floats>(parameters);
  for (const s of segments)
    for (const slot of stateSlots(s.rule, settings))
      for (const [name, view] of viewsOf(arena, [s], slot)) {
        tensors.set(stateName(name, slot), view);
        const first = s.rule.slots[slot] ?? 0;
        // the arena is zeros, and pages that are written take room
        if (first !== 0) view.data.fill(first);
      }
  for (const [name, view] of parameters) view.data.set((initial[name] as Floats).data);
  for (const [name, view] of averages) view.data.set((parameters.get(name) as Floats).data);

  // buffers change places with their successors
  let buffers = new Map([...pick(step.buffers, initial)].map(([n, t]) => [n, copyOf(t)]));
  let nextBuffers = new Map([...buffers].map(([n, t]) => [n, step.changing.has(n) ? zeros('float32', t.dims) : t]));
  const tensorOf = (name: string): Floats => (tensors.get(name) ?? buffers.get(name)) as Floats;

  const frozen = Object.fromEntries(pick(step.frozen, initial));
  const sessions = new Map<StepGraph, Session>();
  const sessionOf = async (of: StepGraph): Promise<Session> => {
    let session = sessions.get(of);
    if (!session)
      sessions.set(of, (session = await openGraph(frozenGraph(step, frozen, of), { ...options, preallocated: true })));
    return session;
  };
  await sessionOf(step);
  const orthogonal = await orthogonalizers(segments, options);
  const random = await createRandomSource(step.randoms, step.graph.inputs, options.seed ?? 0);
  const ledger = createLedger(step);
  const loss = zeros('float32', []);
  const scale = zeros('float32', []);
  const gradientAt = segments[0]?.at[GRADIENT] as number;
  const scratchAt = segments[0]?.at[SCRATCH] as number;
  const total = segments.reduce((n, s) => n + s.size, 0);
  const rewritesGradients = segments.some((s) => s.stages.some((stage) => 'orthogonalize' in stage));
  /** Norm of the gradients as the runtime wrote them; undefined until somebody asks. */
  let norm: number | undefined;
  let lastScale: number | undefined;

  const normNow = (): number => (norm ??= Math.sqrt(kernels.sumOfSquares(total, gradientAt)));

  async function backward(feeds: Feeds, into: ReadonlyMap<string, Floats>, t: number, micro: number): Promise<number> {
    const of = graphFor(step, feeds);
    const session = await sessionOf(of);
    const all: Record<string, Tensor> = { ...feeds, ...random.draw(feeds, t, micro, of) };
    const outputs: Record<string, Tensor> = { [step.loss]: loss };
    for (const [name, view] of parameters) all[name] = view;
    for (const [name, view] of into) outputs[gradientName(name)] = view;
    for (const [name, t0] of buffers) all[name] = t0;
    for (const name of step.changing) outputs[nextName(name)] = nextBuffers.get(name) as Floats;
    if (step.scale) all[step.scale] = scale;
    await session.run(all, outputs);
    [buffers, nextBuffers] = [nextBuffers, buffers];
    return loss.data[0] as number;
  }

  async function update(t: number, learningRate: number): Promise<void> {
    const factor = scalesGradients(settings) ? gradientScale(settings, normNow(), ledger.scale()) : 1;
    for (const s of segments) {
      const scalars = scalarsOf(s.rule, settings, t, learningRate * s.rate, factor);
      let { at } = s;
      for (const stage of s.stages) {
        if ('assign' in stage) {
          (kernelOf.get(stage.assign) as Kernel)(s.size, at, scalars);
          continue;
        }
        for (const p of s.parameters)
          await (orthogonal.get(sessionKey(p, stage.orthogonalize)) as Session).run(
            { matrix: gradients.get(p.name) as Floats },
            { orthogonal: scratch.get(p.name) as Floats },
          );
        at = { ...at, [GRADIENT]: s.at[SCRATCH] as number };
      }
    }
  }

  const named = (views: ReadonlyMap<string, Floats>): Weights => ({
    ...Object.fromEntries(step.parameters.map((p) => [p.name, views.get(p.name) as Floats])),
    ...frozen,
    ...Object.fromEntries(buffers),
  });

  return {
    async step(feeds, t, learningRate, shares) {
      const batches: readonly Feeds[] = isList(feeds) ? feeds : [feeds];
      const share = (i: number): number => shares?.[i] ?? 1 / batches.length;
      scale.data[0] = ledger.scale();
      lastScale = ledger.scale();
      norm = undefined;
      let mean = 0;
      for (const [i, batch] of batches.entries()) {
        // sums of several micro-batches grow in the scratch array and end in the gradients
        const last = i === batches.length - 1;
        const value = await backward(batch, i === 0 && !last ? scratch : gradients, t, i);
        mean += value * share(i);
        if (i === 0) continue;
        const at = last ? { sum: gradientAt, term: scratchAt } : { sum: scratchAt, term: gradientAt };
        const ofSum = i === 1 ? share(0) : 1;
        accumulate(total, at, last ? { kept: share(i), share: ofSum } : { kept: ofSum, share: share(i) });
      }
      if (rewritesGradients) normNow();
      const judged = guard || settings.lossScale !== undefined || settings.clipNorm !== undefined;
      const finite = Number.isFinite(mean) && (!judged || Number.isFinite(normNow()));
      if (finite) await update(ledger.update(t), learningRate);
      ledger.settle(finite);
      return mean;
    },
    sync: () => Promise.resolve(),
    weights: () => named(parameters),
    averaged: () => (settings.ema === undefined ? undefined : named(averages)),
    save: () => ({ ...saveSlots(step, tensorOf), ...ledger.save() }),
    restore(stored) {
      restoreSlots(step, tensorOf, stored);
      ledger.restore(stored);
    },
    firstNonFinite() {
      for (const views of [gradients, parameters])
        for (const p of step.parameters) if (!(views.get(p.name) as Floats).data.every(Number.isFinite)) return p.name;
      return undefined;
    },
    gradientNorm: () => (lastScale === undefined ? undefined : normNow() / lastScale),
    lossScale: () => ledger.scale(),
    skipped: () => ledger.skipped(),
    async release() {
      for (const s of [...sessions.values(), ...orthogonal.values()]) await s.release();
    },
  };
}

const isList = (feeds: Feeds | readonly Feeds[]): feeds is readonly Feeds[] => Array.isArray(feeds);
/** Apart from the trainer, whose functions would keep all first weights alive together with what they use of them. */
const pick = (parameters: readonly Parameter[], weights: Weights): Map<string, Floats> =>
  new Map(parameters.map((p) => [p.name, weights[p.name] as Floats]));
const copyOf = (t: Floats): Floats => ({ ...t, data: t.data.slice() });
