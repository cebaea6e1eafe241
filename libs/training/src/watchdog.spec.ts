import { type GraphBuilder, tensorOf, type Value } from '@strata/graph';
import { dense, meanSquaredError } from '@strata/nn';
import { describe, expect, it } from '@jest/globals';
import { gatherRows, type Batches } from './batches.js';
import { fit } from './fit.js';
import type { FitOptions } from './fit-options.js';
import { sgd } from './optimizer.js';
import { buildTrainStep, type TrainStepOptions } from './step.js';
import { Job } from './testing/job.js';
import { calm, watchLoss, type LossHistory, type Verdict } from './watchdog.js';

const x = Float32Array.from({ length: 64 }, (_, i) => 1 + (i % 7));
const batches = (values = x): Batches => ({
  rows: 32,
  feeds: (rows) => ({ x: gatherRows(values, 2, rows), y: gatherRows(values, 1, rows) }),
});

/** Two layers with `f` between them, named as a user would name them. */
const model =
  (f: (b: GraphBuilder, h: Value) => Value) =>
  (b: GraphBuilder): Value => {
    const input = b.input('x', 'float32', ['N', 2]);
    const h = b.scope('trunk', () => dense(b, input, { units: 3, name: 'first' }));
    const middle = b.scope('trunk/middle', () => f(b, h));
    return meanSquaredError(b, dense(b, middle, { units: 1, name: 'head' }), b.input('y', 'float32', ['N', 1]));
  };

function training(
  f: (b: GraphBuilder, h: Value) => Value,
  { step, ...more }: Partial<Omit<FitOptions, 'step'>> & { step?: Partial<TrainStepOptions> } = {},
): Promise<unknown> {
  return fit({
    ctx: new Job().context(),
    step: buildTrainStep(model(f), { optimizer: sgd(), ...step }),
    data: batches(),
    epochs: 3,
    batchSize: 8,
    schedule: () => 0.01,
    ...more,
  });
}

describe('the watchdog names where a value that is not finite arose', () => {
  it('in the forward pass', async () => {
    await expect(training((b, h) => b.op.Log(b.op.Sub(h, b.op.Mul(h, h))))).rejects.toMatchObject({
      code: 'diverged',
      where: { layer: 'trunk/middle', node: expect.stringContaining('trunk/middle/Log') },
      message: expect.stringMatching(
        /the loss is NaN at step 1 .*comes from Log "trunk\/middle\/Log" in layer "trunk\/middle", in the forward pass; what went into it was finite, up to [\d.]+ in size/,
      ),
    });
  });

  it('in the gradients', async () => {
    // √0 has an infinite slope, while the loss itself is finite
    const root = (b: GraphBuilder, h: Value) => b.op.Sqrt(b.op.Sub(h, h));
    await expect(training(root)).rejects.toMatchObject({
      code: 'diverged',
      where: { layer: expect.stringContaining('trunk/middle') },
      message: expect.stringMatching(/a gradient is not finite at step 1 .*in the gradients/),
    });
    await expect(training(root, { step: { clipNorm: 1 } })).rejects.toMatchObject({ code: 'diverged' });
  });

  it('in the data', async () => {
    const broken = x.slice();
    broken[5] = NaN;
    await expect(training((_, h) => h, { data: batches(broken) })).rejects.toMatchObject({
      where: { layer: 'x' },
      message: expect.stringMatching(/the batch has values in "x" that are not finite\. Clean the data\.$/),
    });
  });

  it('in the weights', async () => {
    const initial = {
      'head/weight': { dtype: 'float32' as const, dims: [3, 1], data: Float32Array.of(1, Infinity, 1) },
    };
    await expect(training((_, h) => h, { initial })).rejects.toMatchObject({
      where: { layer: 'head/weight' },
      message: expect.stringContaining('the weights of "head/weight" are not finite'),
    });
  });

  it('with the dropout masks of the step that failed', async () => {
    // 1/0 where the mask is 0: only the same mask shows it
    const masked = (b: GraphBuilder, h: Value) => b.op.Div(h, b.random('mask', ['N', 3], 'dropout', 0.02));
    await expect(training(masked)).rejects.toMatchObject({
      where: { layer: 'trunk/middle', node: expect.stringContaining('Div') },
    });
  });

  it('after some steps, with the weights of that step', async () => {
    const steep = (b: GraphBuilder, h: Value) => b.op.Exp(h);
    await expect(training(steep, { schedule: () => 50 })).rejects.toMatchObject({
      message: expect.stringMatching(/at step [2-9]/),
      where: { node: expect.stringMatching(/Exp|Mul|MatMul/) },
    });
  });
});

describe('the watchdog judges the loss', () => {
  const run = (losses: readonly number[]): Verdict[] => {
    let h: LossHistory = calm();
    return losses.map((l) => {
      const v = watchLoss(h, l);
      h = v.losses;
      return v;
    });
  };
  const noise = (i: number): number => 0.1 * Math.sin(i * i);
  const falling = Array.from({ length: 200 }, (_, i) => 2 + 3 * Math.exp(-i / 40) + noise(i));

  it('a loss that falls, or that does not, is quiet', () => {
    expect(run(falling).some((v) => v.spike || v.diverged)).toBe(false);
    expect(run(falling.map((_, i) => 0.7 + noise(i))).some((v) => v.spike || v.diverged)).toBe(false);
    expect(run(falling.map(() => 1)).some((v) => v.spike || v.diverged)).toBe(false);
    // below zero, as contrastive losses may be
    expect(run(falling.map((l) => l - 9)).some((v) => v.spike || v.diverged)).toBe(false);
  });

  it('one jump is a spike and no more', () => {
    const verdicts = run([...falling, 60, ...falling.slice(150)]);
    expect(verdicts.flatMap((v, i) => (v.spike ? [i] : []))).toEqual([200]);
    expect(verdicts.some((v) => v.diverged)).toBe(false);
  });

  it('a rise that stays is a divergence', () => {
    const rising = Array.from({ length: 200 }, (_, i) => 2 * 1.05 ** i);
    const at = run([...falling, ...rising]).findIndex((v) => v.diverged);
    expect(at).toBeGreaterThan(220);
    expect(at).toBeLessThan(300);
  });

  it('ends a training whose loss only grows, unless told otherwise', async () => {
    const climbs = (watchLoss: boolean) =>
      fit({
        ctx: new Job().context(),
        step: buildTrainStep(
          (b) => {
            const w = b.param('w', 'float32', [], () => tensorOf('float32', [], [1]));
            const level = b.op.ReduceMean(b.input('x', 'float32', ['N', 2]));
            return b.op.Add(b.op.Mul(w, b.scalar(0)), level);
          },
          { optimizer: sgd() },
        ),
        data: {
          rows: 100,
          feeds: (_, at) => ({
            x: { dtype: 'float32', dims: [1, 2], data: new Float32Array(2).fill((at?.step ?? 0) + 1) },
          }),
        },
        epochs: 1,
        batchSize: 1,
        schedule: () => 0.1,
        watchLoss,
      });
    await expect(climbs(true)).rejects.toMatchObject({
      code: 'diverged',
      message: expect.stringMatching(/at step \d+ the loss averages [\d.]+, after [\d.]+ at the start/),
    });
    expect(await climbs(false)).toMatchObject({ steps: 100 });
  });
});
