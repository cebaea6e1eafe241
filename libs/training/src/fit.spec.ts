import { tensorOf, type GraphBuilder, type Parameter, GraphBuilder as Builder, type Value } from '@strata/graph';
import { createRng } from '@strata/kernel';
import { dropout } from '@strata/nn';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { gatherRows, type Batches } from './batches.js';
import { createEvaluator, type Evaluator } from './evaluate.js';
import { fit, type FitResult } from './fit.js';
import type { FitOptions } from './fit-options.js';
import { adamw, sgd } from './optimizer.js';
import type { Optimizer } from './update-rule.js';
import { phases, type FitContext } from './phases.js';
import { schedule } from './schedule.js';
import { buildTrainStep } from './step.js';
import { bits, Job, Killed } from './testing/job.js';

const HIDDEN = 8;
const normal: Parameter['init'] = (dims, dtype, rng) =>
  tensorOf(
    dtype,
    dims,
    Array.from({ length: dims.reduce((a, b) => a * b, 1) }, () => 0.5 * rng.normal()),
  );

function network(b: GraphBuilder, rate: number): Value {
  const x = b.input('x', 'float32', ['N', 2]);
  const hidden = b.op.Relu(
    b.op.Add(b.op.MatMul(x, b.param('w1', 'float32', [2, HIDDEN], normal)), b.param('b1', 'float32', [HIDDEN], normal)),
  );
  const kept = dropout(b, hidden, { name: 'dropout', rate });
  return b.op.MatMul(kept, b.param('w2', 'float32', [HIDDEN, 1], normal));
}
function lossOf(b: GraphBuilder): Value {
  const error = b.op.Sub(network(b, 0.2), b.input('y', 'float32', ['N', 1]));
  return b.op.ReduceMean(b.op.Mul(error, error));
}
function predictionGraph() {
  const b = new Builder('predict');
  b.output('prediction', network(b, 0));
  return b.build();
}

/** y = 1 + sin(3 x0) + x1² with noise, from a seed. */
function points(rows: number, seed: number): { x: Float32Array; y: Float32Array } {
  const rng = createRng(seed);
  const x = Float32Array.from({ length: rows * 2 }, () => rng.next() * 2 - 1);
  const y = Float32Array.from(
    { length: rows },
    (_, i) => 1 + Math.sin(3 * (x[2 * i] as number)) + (x[2 * i + 1] as number) ** 2 + 0.05 * rng.normal(),
  );
  return { x, y };
}
const train = points(75, 1);
const valid = points(40, 2);
const batchesOf = (d: { x: Float32Array; y: Float32Array }): Batches => ({
  rows: d.y.length,
  feeds: (rows) => ({ x: gatherRows(d.x, 2, rows), y: gatherRows(d.y, 1, rows) }),
});
const validBatches: Batches = { rows: 40, feeds: (rows) => ({ x: gatherRows(valid.x, 2, rows) }) };

let evaluator: Evaluator;
beforeAll(async () => {
  evaluator = await createEvaluator(predictionGraph(), { threads: 1 });
});
afterAll(() => evaluator.release());

const mse = (output: Float32Array): number =>
  output.reduce((sum, p, i) => sum + (p - (valid.y[i] as number)) ** 2, 0) / output.length;

function options(ctx: FitContext, optimizer: Optimizer, more: Partial<FitOptions> = {}): FitOptions {
  return {
    ctx,
    step: buildTrainStep(lossOf, { optimizer, clipNorm: 5 }),
    data: batchesOf(train),
    epochs: 12,
    batchSize: 16,
    schedule: schedule({ kind: 'cosine', learningRate: 0.02, warmupSteps: 5 }),
    validation: {
      evaluator,
      data: validBatches,
      output: 'prediction',
      score: (output) => ({ valid_loss: mse(output) }),
      earlyStopping: { monitor: 'valid_loss', mode: 'min', patience: 4, tolerance: 1e-3 },
    },
    ...more,
  };
}
describe('fit', () => {
  it('learns, and reports what it learned', async () => {
    const job = new Job();
    const r = await fit(options(job.context(), adamw({ weightDecay: 0.01 }), { epochs: 40 }));
    expect(r.history[0]?.train_loss).toBeGreaterThan(2 * (r.history.at(-1)?.train_loss ?? Infinity));
    expect(r.history.map((h) => h.epoch)).toEqual(r.history.map((_, i) => i + 1));
    const last = r.history[r.epoch - 1];
    expect(last?.['valid_loss']).toBe(Math.min(...r.history.map((h) => h['valid_loss'] as number)));
    expect(mse(await evaluator.run(r.weights, validBatches, 'prediction'))).toBe(last?.['valid_loss']);
    expect(job.metrics[0]).toMatchObject({ train_loss: expect.any(Number), learning_rate: expect.any(Number) });
  });

  it('stops when patience is used up, with the best weights', async () => {
    const job = new Job();
    // a rate that is far too high after a good start: validation gets worse
    const r = await fit(
      options(job.context(), sgd({ momentum: 0.9 }), {
        epochs: 60,
        schedule: (step) => (step < 60 ? 0.02 : 0.25),
        validation: { ...(options(job.context(), sgd()).validation as NonNullable<FitOptions['validation']>) },
      }),
    );
    expect(r.stoppedEarly).toBe(true);
    expect(r.history.length).toBeLessThan(60);
    expect(r.epoch).toBeLessThan(r.history.length);
    expect(mse(await evaluator.run(r.weights, validBatches, 'prediction'))).toBe(
      r.history[r.epoch - 1]?.['valid_loss'],
    );
  });

  it.each([
    ['adamw', () => adamw({ weightDecay: 0.01 })],
    ['sgd', () => sgd({ momentum: 0.9, nesterov: true })],
  ])('%s: killed at random steps again and again, it ends with identical bits', async (_, optimizer) => {
    const undisturbed = await fit(options(new Job().context(), optimizer()));
    const rng = createRng(3);
    for (let round = 0; round < 4; round++) {
      const job = new Job();
      let result: FitResult | undefined;
      let kills = 0;
      while (!result) {
        try {
          // checkpoints every third step, so that steps since the last one are done twice
          result = await fit(options(job.context(4 + rng.int(20), 3), optimizer()));
        } catch (e) {
          if (!(e instanceof Killed)) throw e;
          kills++;
        }
      }
      expect(kills).toBeGreaterThan(1);
      expect(bits(result)).toEqual(bits(undisturbed));
      expect(result).toMatchObject({ ...undisturbed, weights: expect.anything() });
    }
  });

  it('another seed, another result', async () => {
    const a = await fit(options(new Job().context(), adamw()));
    const ctx = { ...new Job().context(), rng: createRng(8) };
    expect(bits(await fit(options(ctx, adamw())))).not.toEqual(bits(a));
  });

  it('says that training diverged, where, and what to do', async () => {
    const job = new Job();
    await expect(fit(options(job.context(), sgd(), { schedule: () => 1e20 }))).rejects.toMatchObject({
      code: 'diverged',
      message: expect.stringMatching(/step \d+ .*Lower the learning rate/),
    });
  });

  it('refuses a checkpoint of another call', async () => {
    const job = new Job();
    await expect(fit(options(job.context(10), adamw()))).rejects.toThrow(Killed);
    await expect(fit(options(job.context(), adamw(), { batchSize: 8 }))).rejects.toMatchObject({
      code: 'checkpoint_mismatch',
    });
  });

  it('warns when the checkpoint comes from another kind of machine', async () => {
    const job = new Job();
    await expect(fit(options(job.context(10), adamw()))).rejects.toThrow(Killed);
    await fit(options({ ...job.context(), threads: 2 }, adamw()));
    expect(job.logged.join()).toMatch(/may differ in its last bits/);
  });

  it('refuses to train on nothing', async () => {
    const none = { rows: 0, feeds: () => ({}) };
    await expect(fit(options(new Job().context(), adamw(), { data: none }))).rejects.toMatchObject({
      code: 'empty_data',
    });
  });
});

describe('phases', () => {
  const job3 = async (ctx: FitContext, runs: string[]): Promise<{ folds: number[]; final: FitResult }> => {
    const p = await phases(ctx);
    const folds: number[] = [];
    for (const name of ['fold 1', 'fold 2'])
      folds.push(
        await p.phase(
          name,
          async (c) => {
            runs.push(name);
            return (await fit(options(c, adamw(), { epochs: 3 }))).history.at(-1)?.train_loss ?? NaN;
          },
          { quiet: true },
        ),
      );
    return { folds, final: await p.last('fit', (c) => fit(options(c, adamw(), { epochs: 4 }))) };
  };

  it('share one checkpoint: killed anywhere, the result is identical and finished phases do not run again', async () => {
    const runs: string[] = [];
    const undisturbed = await job3(new Job().context(), runs);
    expect(runs).toEqual(['fold 1', 'fold 2']);
    expect(undisturbed.folds[0]).not.toBe(undisturbed.folds[1]);
    const rng = createRng(5);
    for (let round = 0; round < 3; round++) {
      const job = new Job();
      const began: string[] = [];
      let result: Awaited<ReturnType<typeof job3>> | undefined;
      while (!result) {
        try {
          result = await job3(job.context(5 + rng.int(8), 2), began);
        } catch (e) {
          if (!(e instanceof Killed)) throw e;
        }
      }
      expect(result.folds).toEqual(undisturbed.folds);
      expect(bits(result.final)).toEqual(bits(undisturbed.final));
      expect(began.lastIndexOf('fold 1')).toBeLessThan(began.indexOf('fold 2'));
    }
  });

  it('refuses a checkpoint that is not of phases', async () => {
    const job = new Job();
    await expect(fit(options(job.context(10), adamw()))).rejects.toThrow(Killed);
    await expect(phases(job.context())).rejects.toMatchObject({ code: 'checkpoint_mismatch' });
  });
});
