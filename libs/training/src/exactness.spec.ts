import { GraphBuilder, type Value } from '@strata/graph';
import { createRng } from '@strata/kernel';
import { crossEntropy, dense, dropout, embeddingBag } from '@strata/nn';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createEvaluator, type Evaluator } from './evaluate.js';
import { fit, type FitResult } from './fit.js';
import type { FitOptions } from './fit-options.js';
import { adamw, sgd } from './optimizer.js';
import type { FitContext } from './phases.js';
import { schedule } from './schedule.js';
import { buildTrainStep, type TrainStepOptions } from './step.js';
import { bits, Job, Killed } from './testing/job.js';
import { phraseModule, phrases } from './testing/phrases.js';

// A job that dies at random steps and is started again must end with the bits of one that was left alone, with everything that training has switched on.

const data = phrases(70);
const held = phrases(30);

function logits(b: GraphBuilder, rate: number): Value {
  const ids = b.input('input_ids', 'int64', ['N', 'L']);
  const x = dense(b, embeddingBag(b, ids, { buckets: 12, dim: 6, name: 'words' }), { units: 8, name: 'hidden' });
  return dense(b, dropout(b, b.op.Tanh(x), { name: 'dropout', rate }), { units: 2, name: 'output' });
}
const loss = (b: GraphBuilder): Value => crossEntropy(b, logits(b, 0.3), b.input('label', 'int64', ['N']));

let evaluator: Evaluator;
beforeAll(async () => {
  const b = new GraphBuilder('costs');
  b.output('costs', crossEntropy(b, logits(b, 0), b.input('label', 'int64', ['N']), { reduction: 'none' }));
  evaluator = await createEvaluator(b.build(), { threads: 1 });
});
afterAll(() => evaluator.release());

const step = (more: Partial<TrainStepOptions> = {}) =>
  buildTrainStep(loss, { optimizer: adamw({ weightDecay: 0.01 }), clipNorm: 1, ...more });

function everything(ctx: FitContext, thread: boolean, more: Partial<FitOptions> = {}): FitOptions {
  const validation = phraseModule(held, false);
  return {
    ctx,
    step: step({ ema: 0.9 }),
    data: phraseModule(data, thread),
    maxSteps: 40,
    batchSize: 8,
    accumulate: 3,
    order: { lengths: data.lengths, pool: 4 },
    schedule: schedule({ kind: 'cosine', learningRate: 0.05, warmupSteps: 4 }),
    validateEvery: 5,
    validation: {
      evaluator,
      data: validation.create(validation.init as never),
      batchSize: 16,
      outputs: ['costs'],
      stream: () => {
        let sum = 0;
        return {
          add: (outputs) => {
            for (const c of outputs['costs']?.data as Float32Array) sum += c;
          },
          end: () => ({ valid_loss: sum / 30 }),
        };
      },
      earlyStopping: { monitor: 'valid_loss', mode: 'min', patience: 4, tolerance: 1e-4 },
    },
    ...more,
  };
}

async function killedAgainAndAgain(seed: number, run: (ctx: FitContext) => Promise<FitResult>): Promise<FitResult> {
  const rng = createRng(seed);
  const job = new Job();
  let kills = 0;
  for (;;)
    try {
      // checkpoints every third step, so that steps since the last one are done twice
      const result = await run(job.context(4 + rng.int(9), 3));
      expect(kills).toBeGreaterThan(1);
      return result;
    } catch (e) {
      if (!(e instanceof Killed)) throw e;
      kills++;
    }
}

describe('killed and resumed', () => {
  it('with everything: threads, buckets, micro-batches, averages, dropout, clipping, validation in a stream, early stopping', async () => {
    const undisturbed = await fit(everything(new Job().context(), false));
    expect(bits(await fit(everything(new Job().context(), false)))).toEqual(bits(undisturbed));
    // the thread changes nothing
    const threaded = await fit(everything(new Job().context(), true));
    expect(bits(threaded)).toEqual(bits(undisturbed));
    expect(threaded.history).toEqual(undisturbed.history);
    for (const seed of [1, 2]) {
      const again = await killedAgainAndAgain(seed, (ctx) => fit(everything(ctx, true)));
      expect(bits(again)).toEqual(bits(undisturbed));
      expect(again).toMatchObject({ ...undisturbed, weights: expect.anything() });
    }
  }, 60_000);

  it.each<[string, Partial<FitOptions>]>([
    ['a budget of tokens', { order: { lengths: data.lengths, tokensPerBatch: 30 }, accumulate: 1 }],
    ['balanced classes', { order: { classes: data.labels, dropLast: true }, accumulate: 2 }],
    ['momentum without averages', { step: step({ optimizer: sgd({ momentum: 0.9 }) }), order: {} }],
    ['frozen weights', { step: step({ trainable: (p) => !p.name.startsWith('words') }) }],
  ])('%s', async (_, more) => {
    const undisturbed = await fit(everything(new Job().context(), false, more));
    const again = await killedAgainAndAgain(5, (ctx) => fit(everything(ctx, false, more)));
    expect(bits(again)).toEqual(bits(undisturbed));
    expect(again.history).toEqual(undisturbed.history);
  });
});

describe('lengths and results', () => {
  it('ends after maxSteps within an epoch, and validates when asked and at the end', async () => {
    const r = await fit(everything(new Job().context(), false, { maxSteps: 8 }));
    expect(r.steps).toBe(8);
    expect(r.history.map((h) => [h.step, h.epoch])).toEqual([
      [5, 2],
      [8, 3],
    ]);
  });

  it('gives averaged weights where there are averages, and the last ones beside the best', async () => {
    const more = { maxSteps: 10, validateEvery: 10 };
    const averaged = await fit(everything(new Job().context(), false, more));
    const plain = await fit(everything(new Job().context(), false, { ...more, step: step() }));
    const first = 'hidden/weight';
    expect(averaged.weights[first]?.data).not.toEqual(plain.weights[first]?.data);
    expect(averaged.last[first]?.data).toEqual(averaged.weights[first]?.data);
    // nearer to where both began
    const size = (r: FitResult) => Math.hypot(...(r.weights['output/bias']?.data ?? []));
    expect(size(averaged)).toBeLessThan(size(plain));
  });

  it('counts micro-batches by their rows', async () => {
    const one = { order: { shuffle: false }, maxSteps: 1, step: step({ optimizer: sgd() }), validateEvery: 1 };
    const fixed = (at: Partial<FitOptions>) => fit(everything(new Job().context(), false, { ...one, ...at }));
    // 70 rows at once, or in micro-batches of 32, 32 and 6: without dropout the same step
    const quiet = buildTrainStep((b) => crossEntropy(b, logits(b, 0), b.input('label', 'int64', ['N'])), {
      optimizer: sgd(),
    });
    const whole = await fixed({ step: quiet, batchSize: 70, accumulate: 1 });
    const parts = await fixed({ step: quiet, batchSize: 32, accumulate: 3 });
    const a = whole.last['output/weight']?.data ?? [];
    const b = parts.last['output/weight']?.data ?? [];
    for (const [i, v] of a.entries()) expect(b[i]).toBeCloseTo(v, 6);
    expect(parts.history[0]?.train_loss).toBeCloseTo(whole.history[0]?.train_loss ?? NaN, 6);
  });

  it('begins with given weights, and draws the others', async () => {
    const given = { dtype: 'float32' as const, dims: [12, 6], data: new Float32Array(72).fill(0.5) };
    const frozen = step({ trainable: (p) => p.name === 'output/weight' });
    const r = await fit(
      everything(new Job().context(), false, { step: frozen, initial: { 'words/table': given }, maxSteps: 2 }),
    );
    const drawn = await fit(everything(new Job().context(), false, { step: frozen, maxSteps: 2 }));
    expect(r.weights['words/table']?.data).toEqual(given.data);
    expect(r.weights['hidden/weight']?.data).toEqual(drawn.weights['hidden/weight']?.data);
    await expect(
      fit(everything(new Job().context(), false, { initial: { 'words/table': { ...given, dims: [6, 12] } } })),
    ).rejects.toMatchObject({ code: 'invalid_graph' });
  });

  it('reports loss, rate, gradient norm, samples, tokens and waits', async () => {
    const job = new Job();
    await fit(everything(job.context(), false, { maxSteps: 2 }));
    expect(job.metrics[0]).toEqual({
      train_loss: expect.any(Number),
      learning_rate: expect.any(Number),
      gradient_norm: expect.any(Number),
      samples_per_second: expect.any(Number),
      tokens_per_second: expect.any(Number),
      data_wait_ms_per_second: expect.any(Number),
    });
  });

  it('asks for an end, and for whole numbers', async () => {
    const bad = (more: object) =>
      fit({ ...everything(new Job().context(), false), maxSteps: undefined, ...more } as unknown as FitOptions);
    await expect(bad({})).rejects.toThrow('training needs an end');
    await expect(bad({ maxSteps: 1.5 })).rejects.toThrow('maxSteps must be a whole number');
    await expect(bad({ maxSteps: 3, accumulate: 0 })).rejects.toThrow('accumulate must be a whole number');
  });

  it('closes the thread when a row cannot be prepared', async () => {
    const broken = phraseModule(phrases(70, 11), true);
    await expect(fit(everything(new Job().context(), true, { data: broken }))).rejects.toMatchObject({
      code: 'invalid_data',
      message: 'row 11 is broken',
    });
  });
});
