import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import { fit } from './fit.js';
import { adam } from './optimizer.js';
import { preflight, requireFit, secondsPerStep, type PreflightOptions } from './preflight.js';
import { buildTrainStep, type TrainStepOptions } from './step.js';
import { Job } from './testing/job.js';
import { feeds, LAYERS, network, WIDTH } from './testing/preflight-network.js';

const MIB = 2 ** 20;
const root = fileURLToPath(new URL('../../../', import.meta.url));
const step = (more: Partial<TrainStepOptions> = {}) => buildTrainStep(network, { optimizer: adam(), ...more });
const plan = (rows: number, more: Partial<PreflightOptions> = {}) =>
  preflight({ step: step(), feeds: feeds(rows), rows, limit: 8 * 1024 * MIB, ...more });

const WEIGHTS = 4 * (LAYERS * (WIDTH * WIDTH + WIDTH) + WIDTH * 8 + 8);

describe('preflight', () => {
  it('counts weights, gradients, state, averages and checkpoints', () => {
    const { memory } = plan(64);
    expect(memory).toMatchObject({
      weights: WEIGHTS,
      gradients: WEIGHTS,
      optimizer: 2 * WEIGHTS,
      checkpoint: 4 * WEIGHTS,
      batch: 64 * (4 * WIDTH + 8),
    });
    const { total, ...parts } = memory;
    expect(total).toBe(Object.values(parts).reduce((a, b) => a + b, 0));
    expect(plan(64, { step: step({ ema: 0.9 }), accumulate: 2, keepsBest: true }).memory).toMatchObject({
      gradients: 2 * WEIGHTS,
      optimizer: 3 * WEIGHTS,
      checkpoint: 6 * WEIGHTS,
    });
    const frozen = step({ trainable: (p) => p.name.startsWith('output') });
    expect(plan(64, { step: frozen }).memory).toMatchObject({ weights: WEIGHTS, gradients: 4 * (WIDTH * 8 + 8) });
  });

  it('activations grow with the batch, and hold at least what the gradients need', () => {
    const at = (rows: number): number => plan(rows).memory.activations;
    // the gradient of tanh needs its output in each layer
    expect(at(4096)).toBeGreaterThan(LAYERS * 4096 * WIDTH * 4);
    expect(at(4096) / at(1024)).toBeGreaterThan(3);
    expect(at(4096) / at(1024)).toBeLessThan(4.1);
  });

  it('counts the operations of the products: two for each weight and row, three times', () => {
    const { flops } = plan(64);
    const matrices = LAYERS * WIDTH * WIDTH + WIDTH * 8;
    // the first layer needs no gradient of its input; sums for the biases may be products too
    const products = 2 * 64 * (3 * matrices - WIDTH * WIDTH);
    expect(flops).toBeGreaterThanOrEqual(products);
    expect(flops).toBeLessThan(1.01 * products);
    expect(plan(64, { accumulate: 3 }).flops).toBe(3 * flops);
  });

  it('a time that grows with the work', async () => {
    const little = await secondsPerStep(plan(64), { threads: 1 });
    const much = await secondsPerStep(plan(4096), { threads: 1 });
    expect(little).toBeGreaterThan(0);
    expect(much).toBeGreaterThan(10 * little);
  });

  it('proposes a batch that fits, and says what is too large', () => {
    const limit = 200 * MIB;
    const tight = plan(16_384, { limit });
    expect(tight.fits).toBe(false);
    const smaller = plan(tight.batchSize, { limit });
    expect(smaller.fits).toBe(true);
    expect(smaller.memory.total).toBeGreaterThan(0.6 * limit);
    expect(() => requireFit(smaller, tight.batchSize)).not.toThrow();
    expect(() => requireFit(tight, 16_384)).toThrow(
      expect.objectContaining({
        code: 'does_not_fit',
        message: expect.stringMatching(
          new RegExp(
            `activations of 16384 rows [\\d,]+ MiB\\) and there are 200 MiB\\. The largest tensors: activation ".*Batches of ${tight.batchSize} rows fit`,
          ),
        ),
      }),
    );
    const hopeless = plan(64, { limit: 20 * MIB });
    expect(hopeless.batchSize).toBe(0);
    expect(() => requireFit(hopeless, 64)).toThrow('Not even a batch of one row fits');
  });

  it('memory is within a factor of two of what a step takes', async () => {
    const { stdout } = await promisify(execFile)(process.execPath, [
      ...['--no-warnings', '--conditions', '@strata/source', '--import', `${root}tools/ts-register.mjs`],
      fileURLToPath(new URL('./testing/preflight.program.ts', import.meta.url)),
    ]);
    const { estimated, measured } = JSON.parse(stdout) as { estimated: number; measured: number };
    expect(estimated).toBeGreaterThan(150 * MIB);
    expect(measured / estimated).toBeGreaterThan(0.5);
    expect(measured / estimated).toBeLessThan(2);
  });

  it('a training that cannot fit ends before it begins', async () => {
    const job = new Job();
    const run = (memoryLimit: number) =>
      fit({
        ctx: { ...job.context(), memoryLimit },
        step: step(),
        data: { rows: 512, feeds: (r) => feeds(r.length) },
        epochs: 1,
        batchSize: 256,
        schedule: () => 1e-3,
      });
    await expect(run(process.memoryUsage.rss() + 40 * MIB)).rejects.toMatchObject({ code: 'does_not_fit' });
    expect(job.stored).toBeUndefined();
    expect(await run(process.memoryUsage.rss() + 1000 * MIB)).toMatchObject({ steps: 2 });
  });
});
