import { tensorOf, type GraphBuilder, type Value } from '@strata/graph';
import { createRng } from '@strata/kernel';
import { crossEntropy, dense, dropout, embedding, gru } from '@strata/nn';
import { tensor, type Tensor } from '@strata/runtime';
import { describe, expect, it } from '@jest/globals';
import type { Batches } from './batches.js';
import { fit, type FitResult } from './fit.js';
import type { FitOptions } from './fit-options.js';
import { lengthBuckets } from './length-buckets.js';
import { adamw, sgd } from './optimizer.js';
import type { FitContext } from './phases.js';
import { preflight } from './preflight.js';
import { buildTrainStep, type TrainStep, type TrainStepOptions } from './step.js';
import { graphFor } from './step-graph.js';
import { bits, Job, Killed } from './testing/job.js';
import { createTrainer, initialWeights, type Trainer, type TrainerOptions, type Weights } from './trainer.js';

// One network unrolled over several lengths: whatever graph a batch runs on, nothing but the time may differ.

const LIMITS = [3, 6, 10] as const;
const LONGEST = 10;

const rng = createRng(9);
const rows = Array.from({ length: 45 }, () =>
  Array.from({ length: 1 + Math.floor(LONGEST * rng.next() ** 2) }, () => 1 + rng.int(8)),
);
const labels = rows.map((r) => (r[0] as number) % 2);

/** A layer that reads both ways under dropout, a running mean of the lengths, and a frozen table. */
const network =
  (steps: number, change = (_: GraphBuilder, x: Value): Value => x) =>
  (b: GraphBuilder): Value => {
    const { op } = b;
    const ids = op.Transpose(b.input('ids', 'int64', ['N', steps]), [1, 0]);
    const count = b.input('lengths', 'int64', ['N']);
    const mean = b.buffer('mean_length', 'float32', [1], (dims) => tensorOf('float32', dims, [0]));
    const now = op.ReduceMean(op.Cast(count, 'float32'), { axes: [0], keepdims: true });
    b.updateBuffer(mean, op.Add(op.Mul(mean, b.scalar(0.75)), op.Mul(now, b.scalar(0.25))));
    const words = embedding(b, ids, { name: 'words', buckets: 9, dim: 5 });
    const x = dropout(b, words, { name: 'words_dropout', rate: 0.3 });
    const h = gru(b, x, { name: 'reader', units: 4, bidirectional: true, lengths: count, timeMajor: true }).outputs();
    const text = op.ReduceSum(
      b.scope('pool', () => change(b, h)),
      { axes: [0] },
    );
    return crossEntropy(b, dense(b, text, { name: 'head', units: 2 }), b.input('label', 'int64', ['N']));
  };

const stepOf = (
  limits: readonly number[],
  options: Partial<TrainStepOptions> = {},
  change?: Parameters<typeof network>[1],
): TrainStep =>
  buildTrainStep(network(limits.at(-1) as number, change), {
    optimizer: sgd(),
    trainable: (p) => !p.name.startsWith('words'),
    ...options,
    variants: limits.slice(0, -1).map((steps) => network(steps, change)),
  });

function feeds(of: Int32Array, steps: number): Record<string, Tensor> {
  const chosen = Array.from(of, (r) => rows[r] as number[]);
  const ids = chosen.flatMap((r) => Array.from({ length: steps }, (_, i) => r[i] ?? 0));
  return {
    ids: tensor.int64(ids, [of.length, steps]),
    lengths: tensor.int64(
      chosen.map((r) => r.length),
      [of.length],
    ),
    label: tensor.int64(
      Array.from(of, (r) => labels[r] as number),
      [of.length],
    ),
  };
}
const trainerOf = (step: TrainStep, more: TrainerOptions = {}): Promise<Trainer> =>
  createTrainer(step, initialWeights(step, createRng(2)), { threads: 1, seed: 5, ...more });
const numbers = (weights: Weights): Record<string, number[]> =>
  Object.fromEntries(Object.entries(weights).map(([n, t]) => [n, [...t.data]]));
const shorterThan = (limit: number, count: number): Int32Array =>
  Int32Array.from(rows.flatMap((r, i) => (r.length <= limit ? [i] : [])).slice(0, count));
function near(got: Record<string, number[]>, wanted: Record<string, number[]>, tolerance: number): void {
  expect(Object.keys(got)).toEqual(Object.keys(wanted));
  for (const [name, values] of Object.entries(wanted))
    values.forEach((v, i) => expect(Math.abs((got[name]?.[i] ?? NaN) - v)).toBeLessThan(tolerance));
}

describe.each(['memory', 'graph'] as const)('a step of several graphs, updates in %s', (update) => {
  it.each(LIMITS.slice(0, -1))('gives the loss and gradients of the longest graph on rows of %i', async (limit) => {
    const batch = shorterThan(limit, 7);
    // plain descent at rate 1: the weights change by the gradient
    const results = [];
    for (const [step, steps] of [
      [stepOf(LIMITS), limit],
      [stepOf([LONGEST]), LONGEST],
    ] as const) {
      const trainer = await trainerOf(step, { update });
      const before = numbers(trainer.weights());
      const loss = await trainer.step(feeds(batch, steps), 1, 1);
      await trainer.sync();
      const after = numbers(trainer.weights());
      results.push({ loss, after });
      // the table is frozen, everything else moves, and so does the buffer
      for (const [name, values] of Object.entries(after))
        expect([name, values.some((v, i) => v !== before[name]?.[i])]).toEqual([name, !name.startsWith('words')]);
      await trainer.release();
    }
    const [short, long] = results as [(typeof results)[number], (typeof results)[number]];
    expect(Math.abs(short.loss - long.loss)).toBeLessThan(1e-6);
    near(short.after, long.after, 1e-6);
  });

  it('ends with the weights of one graph after steps of mixed lengths, micro-batches among them', async () => {
    const options = { optimizer: adamw({ weightDecay: 0.01 }), clipNorm: 1, ema: 0.9 };
    const several = await trainerOf(stepOf(LIMITS, options), { update });
    const one = await trainerOf(stepOf([LONGEST], options), { update });
    for (let t = 1; t <= 9; t++) {
      const batches = [LIMITS[t % 3] as number, LIMITS[(t * t) % 3] as number].slice(0, 1 + (t % 2));
      const pick = (steps: number): Int32Array => shorterThan(steps, 4 + t);
      const shares = batches.length === 1 ? undefined : [0.4, 0.6];
      const losses = [
        await several.step(
          batches.map((n) => feeds(pick(n), n)),
          t,
          0.02,
          shares,
        ),
        await one.step(
          batches.map((n) => feeds(pick(n), LONGEST)),
          t,
          0.02,
          shares,
        ),
      ] as const;
      expect(Math.abs(losses[0] - losses[1])).toBeLessThan(1e-5);
    }
    for (const t of [several, one]) await t.sync();
    near(numbers(several.weights()), numbers(one.weights()), 1e-5);
    near(numbers(several.averaged() as Weights), numbers(one.averaged() as Weights), 1e-5);
    expect(numbers(several.weights())['mean_length']).toEqual(numbers(one.weights())['mean_length']);
    for (const t of [several, one]) await t.release();
  });
});

describe('a training of several graphs', () => {
  const buckets = lengthBuckets(
    rows.map((r) => r.length),
    { batchSize: 1, epochs: 1000, most: 3 },
  );
  const data = (seen: number[] = []): Batches => ({
    rows: rows.length,
    feeds(of, at) {
      if (at?.epoch === 1) seen.push(...of);
      return feeds(of, buckets.of(of));
    },
  });
  const training = (ctx: FitContext, more: Partial<FitOptions> = {}): FitOptions => ({
    ctx,
    step: stepOf(buckets.limits, { optimizer: adamw(), clipNorm: 1, ema: 0.9 }),
    data: data(),
    epochs: 3,
    batchSize: 4,
    accumulate: 2,
    order: { lengths: buckets.padded, pool: Infinity },
    schedule: () => 0.02,
    ...more,
  });

  it('ends with the same bits when it is killed in the middle of an epoch and goes on', async () => {
    const whole = await fit(training(new Job().context()));
    expect(whole.steps).toBe(18);
    const job = new Job();
    let result: FitResult | undefined;
    for (let kills = 0; !result; kills++)
      try {
        // six steps are an epoch
        result = await fit(training(job.context(4, 3)));
        expect(kills).toBeGreaterThan(2);
      } catch (e) {
        if (!(e instanceof Killed)) throw e;
      }
    expect(bits(result)).toEqual(bits(whole));
    expect(result.history).toEqual(whole.history);
  });

  it('sees every row once in an epoch, on all of its graphs', async () => {
    const seen: number[] = [];
    const step = stepOf(buckets.limits);
    const used = new Set<unknown>();
    const watched: Batches = {
      rows: rows.length,
      feeds(of, at) {
        const made = data(seen).feeds(of, at);
        used.add(graphFor(step, made));
        return made;
      },
    };
    await fit(training(new Job().context(), { step, data: watched, epochs: 2, preflight: false }));
    expect(seen.sort((a, b) => a - b)).toEqual(rows.map((_, i) => i));
    expect(used.size).toBe(3);
  });

  it('names the layer of a value that is not finite on a shorter graph too', async () => {
    // a logarithm below zero, where there are fewer steps than in the longest rows
    const broken = (b: GraphBuilder, h: Value): Value =>
      h.shape[0] === LONGEST ? h : b.op.Log(b.op.Sub(h, b.scalar(2)));
    const step = stepOf(buckets.limits, {}, broken);
    await expect(fit(training(new Job().context(), { step }))).rejects.toMatchObject({
      code: 'diverged',
      where: { layer: 'pool', node: expect.stringContaining('pool/Log') },
    });
  });

  it('is estimated as what all graphs need, and as the work of their shares', () => {
    const step = stepOf(LIMITS, { optimizer: adamw() });
    const batch = (steps: number): Record<string, Tensor> => feeds(shorterThan(3, 4), steps);
    const alone = (steps: number) => preflight({ step: stepOf([steps]), feeds: batch(steps), rows: 4 });
    const mixed = preflight({
      step,
      feeds: batch(10),
      rows: 4,
      others: [
        { feeds: batch(3), share: 0.5 },
        { feeds: batch(6), share: 0.25 },
      ],
    });
    const sum = [3, 6, 10].reduce((n, steps) => n + alone(steps).memory.activations, 0);
    const flops = 0.5 * alone(3).flops + 0.25 * alone(6).flops + 0.25 * alone(10).flops;
    for (const [estimated, worked] of [
      [mixed.memory.activations, sum],
      [mixed.flops, flops],
    ] as const) {
      expect(estimated / worked).toBeGreaterThan(0.8);
      expect(estimated / worked).toBeLessThan(1.25);
    }
    expect(mixed.memory.weights).toBe(alone(10).memory.weights);
  });

  it('is refused before it begins when its graphs do not fit together', async () => {
    const ctx = { ...new Job().context(), memoryLimit: process.memoryUsage.rss() + 2 ** 20 };
    await expect(fit(training(ctx))).rejects.toMatchObject({ code: 'does_not_fit' });
  });
});

describe('variants', () => {
  it('must have the same parameters, buffers and random inputs', () => {
    const loss = (units: number, rate: number) => (b: GraphBuilder) => {
      const x = dense(b, b.input('x', 'float32', ['N', 3]), { name: 'hidden', units });
      return b.op.ReduceMean(dropout(b, x, { name: 'drop', rate }));
    };
    const make = (variant: (b: GraphBuilder) => Value): unknown =>
      buildTrainStep(loss(4, 0.5), { optimizer: sgd(), variants: [variant] });
    expect(() => make(loss(4, 0.5))).not.toThrow();
    expect(() => make(loss(5, 0.5))).toThrow(/"hidden\/weight" float32 \[3, 5\].*is not in all of them/);
    expect(() => make(loss(4, 0.25))).toThrow(/"drop" dropout 0.25/);
  });

  it('a batch that fits none is named with its shapes', async () => {
    const trainer = await trainerOf(stepOf(LIMITS));
    await expect(trainer.step(feeds(Int32Array.of(0, 1), 7), 1, 1)).rejects.toMatchObject({
      code: 'invalid_input',
      message: expect.stringContaining('"ids" [2, 7]'),
    });
    await trainer.release();
  });
});
