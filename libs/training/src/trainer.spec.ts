import { describe, expect, it } from '@jest/globals';
import { tensorOf, type GraphBuilder, type Value } from '@strata/graph';
import { createRng } from '@strata/kernel';
import { dense, dropout, meanSquaredError } from '@strata/nn';
import { tensor, type Tensor } from '@strata/runtime';
import { muon } from './optimizer-muon.js';
import { adam, adamw, sgd } from './optimizer.js';
import { buildTrainStep, type TrainStep, type TrainStepOptions } from './step.js';
import { createTrainer, initialWeights, type Trainer, type TrainerOptions, type Weights } from './trainer.js';

const MODES = ['memory', 'graph'] as const;

/** Two layers with dropout and a running mean of the inputs; sizes that fill no vector. */
function network(b: GraphBuilder, rate = 0.25): Value {
  const x = b.input('x', 'float32', ['N', 5]);
  const y = b.input('y', 'float32', ['N', 3]);
  const running = b.buffer('running', 'float32', [5], (dims) => tensorOf('float32', dims, [1, 1, 1, 1, 1]));
  const mean = b.op.ReduceMean(x, { axes: [0] });
  b.updateBuffer(running, b.op.Add(b.op.Mul(running, b.scalar(0.5)), b.op.Mul(mean, b.scalar(0.5))));
  const hidden = dropout(b, b.op.Tanh(dense(b, x, { name: 'hidden', units: 7 })), { name: 'drop', rate });
  return meanSquaredError(b, dense(b, hidden, { name: 'output', units: 3 }), y);
}
const plain = (b: GraphBuilder): Value => network(b, 0);

function batch(seed: number, rows: number): Record<string, Tensor<'float32'>> {
  const rng = createRng(seed);
  const draw = (width: number): Tensor<'float32'> =>
    tensor.float32(
      Float32Array.from({ length: rows * width }, () => rng.normal()),
      [rows, width],
    );
  return { x: draw(5), y: draw(3) };
}
const rowsOf = (feeds: Record<string, Tensor<'float32'>>, from: number, to: number): Record<string, Tensor> =>
  Object.fromEntries(
    Object.entries(feeds).map(([n, t]) => {
      const width = t.dims[1] as number;
      return [n, tensor.float32(t.data.slice(from * width, to * width), [to - from, width])];
    }),
  );

async function make(
  build: (b: GraphBuilder) => Value,
  options: TrainStepOptions,
  more: TrainerOptions = {},
): Promise<[Trainer, TrainStep]> {
  const step = buildTrainStep(build, options);
  return [await createTrainer(step, initialWeights(step, createRng(7)), { threads: 1, seed: 11, ...more }), step];
}
const copy = (weights: Weights | undefined): Record<string, number[]> =>
  Object.fromEntries(Object.entries(weights ?? {}).map(([n, t]) => [n, [...t.data]]));
function close(got: Record<string, number[]>, expected: Record<string, number[]>, tolerance: number): void {
  expect(Object.keys(got)).toEqual(Object.keys(expected));
  for (const [n, values] of Object.entries(expected))
    values.forEach((v, i) => expect(Math.abs((got[n]?.[i] as number) - v)).toBeLessThan(tolerance));
}

/** What a store keeps of the views that `save` gives. */
const copied = (tensors: Readonly<Record<string, Uint8Array>>): Record<string, Uint8Array> =>
  Object.fromEntries(Object.entries(tensors).map(([n, t]) => [n, t.slice()]));

describe.each(MODES)('a trainer that updates in %s', (update) => {
  it('takes micro-batches as one batch, weighted by their rows', async () => {
    const whole = batch(1, 11);
    const [a] = await make(plain, { optimizer: adam(), clipNorm: 0.5 }, { update });
    const [b] = await make(plain, { optimizer: adam(), clipNorm: 0.5 }, { update });
    for (let t = 1; t <= 5; t++) {
      const one = await a.step(whole, t, 0.01);
      const parts = [rowsOf(whole, 0, 4), rowsOf(whole, 4, 8), rowsOf(whole, 8, 11)];
      const three = await b.step(parts, t, 0.01, [4 / 11, 4 / 11, 3 / 11]);
      expect(three).toBeCloseTo(one, 5);
    }
    const { running: _, ...weights } = copy(a.weights());
    const { running: __, ...others } = copy(b.weights());
    close(others, weights, 1e-5);
    expect(b.gradientNorm()).toBeCloseTo(a.gradientNorm() as number, 5);
    await a.release();
    await b.release();
  });

  it('averages micro-batches alike when nothing is said', async () => {
    const whole = batch(2, 8);
    const [a] = await make(plain, { optimizer: sgd() }, { update });
    const [b] = await make(plain, { optimizer: sgd() }, { update });
    await a.step(whole, 1, 0.1);
    await b.step([rowsOf(whole, 0, 4), rowsOf(whole, 4, 8)], 1, 0.1);
    const { running: _, ...weights } = copy(a.weights());
    const { running: __, ...others } = copy(b.weights());
    close(others, weights, 1e-6);
    await a.release();
    await b.release();
  });

  it('carries buffers from micro-batch to micro-batch', async () => {
    const [trainer] = await make(plain, { optimizer: sgd() }, { update });
    const feeds = [batch(3, 4), batch(4, 4), batch(5, 4)];
    await trainer.step(feeds[0] as Weights, 1, 0.1);
    await trainer.step(feeds.slice(1), 2, 0.1);
    const expected = new Array<number>(5).fill(1);
    for (const { x } of feeds)
      expected.forEach((old, i) => {
        const column = [0, 1, 2, 3].map((r) => x?.data[5 * r + i] as number);
        expected[i] = 0.5 * old + 0.5 * (column.reduce((p, q) => p + q) / 4);
      });
    close({ running: [...(trainer.weights()['running'] as Tensor<'float32'>).data] }, { running: expected }, 1e-6);
    await trainer.release();
  });

  it('goes on from what it saved with the same bits: state, averages, buffers, loss scale, masks', async () => {
    const options: TrainStepOptions = {
      optimizer: muon({ isHidden: (p) => p.name === 'hidden/weight' }),
      ema: 0.9,
      clipNorm: 1,
      clipValue: 0.5,
      lossScale: { initial: 2 ** 66, interval: 2 },
    };
    const run = async (trainer: Trainer, from: number, to: number): Promise<void> => {
      for (let t = from; t <= to; t++) await trainer.step([batch(t, 6), batch(100 + t, 6)], t, 0.02);
    };
    const [undisturbed, step] = await make(network, options, { update });
    await run(undisturbed, 1, 4);
    const saved = copied(undisturbed.save());
    await run(undisturbed, 5, 9);
    expect(undisturbed.skipped()).toBeLessThan(9);
    const resumed = await createTrainer(step, initialWeights(step, createRng(99)), { threads: 1, seed: 11, update });
    resumed.restore(saved);
    await run(resumed, 5, 9);
    expect(resumed.save()).toEqual(undisturbed.save());
    expect(copy(resumed.averaged())).toEqual(copy(undisturbed.averaged()));
    expect(copy(resumed.weights())).toEqual(copy(undisturbed.weights()));
    expect([resumed.lossScale(), resumed.skipped()]).toEqual([undisturbed.lossScale(), undisturbed.skipped()]);
    await undisturbed.release();
    await resumed.release();
  });

  it('keeps frozen parameters and has no state for them', async () => {
    const [trainer, step] = await make(
      plain,
      { optimizer: adamw({ weightDecay: 0.1 }), trainable: (p) => p.name.startsWith('output/') },
      { update },
    );
    const before = copy(trainer.weights());
    await trainer.step(batch(1, 6), 1, 0.1);
    const after = copy(trainer.weights());
    expect(after['hidden/weight']).toEqual(before['hidden/weight']);
    expect(after['output/weight']).not.toEqual(before['output/weight']);
    expect(step.slots.map((s) => s.input).filter((n) => n.startsWith('hidden/'))).toEqual([]);
    expect(step.graph.outputs.map((o) => o.name)).not.toContain('hidden/weight.grad');
    expect(Object.keys(trainer.save()).some((n) => n.startsWith('hidden/'))).toBe(false);
    await trainer.release();
  });

  it('names the first layer whose weights are not finite', async () => {
    const [trainer] = await make(plain, { optimizer: sgd() }, { update });
    await trainer.step(batch(1, 6), 1, 0.1);
    expect(trainer.firstNonFinite()).toBeUndefined();
    const bad = batch(2, 6);
    (bad['y'] as Tensor<'float32'>).data[0] = Infinity;
    expect(await trainer.step(bad, 2, 0.1)).not.toBeLessThan(Infinity);
    expect(trainer.firstNonFinite()).toBe('hidden/weight');
    await trainer.release();
  });

  it('draws the same masks for the same seed and step, and others for other steps and micro-batches', async () => {
    const zero = { optimizer: sgd() };
    const losses = async (seed: number, t: number, copies = 1): Promise<number> => {
      const [trainer] = await make(network, zero, { update, seed });
      const loss = await trainer.step(new Array(copies).fill(batch(1, 8)) as Weights[], t, 0.1);
      await trainer.release();
      return loss;
    };
    const first = await losses(1, 1);
    expect(await losses(1, 1)).toBe(first);
    expect(await losses(2, 1)).not.toBe(first);
    expect(await losses(1, 2)).not.toBe(first);
    expect(await losses(1, 1, 2)).not.toBeCloseTo(first, 9);
  });
});

describe('updates in memory', () => {
  it('change the weights in place: views stay good', async () => {
    const [trainer] = await make(plain, { optimizer: adam() });
    const { 'hidden/weight': weight } = trainer.weights();
    const before = [...(weight as Tensor<'float32'>).data];
    await trainer.step(batch(1, 6), 1, 0.1);
    expect([...(weight as Tensor<'float32'>).data]).not.toEqual(before);
    expect(trainer.weights()['hidden/weight']).toBe(weight);
    await trainer.release();
  });

  it('gives the norm of the gradients before clipping', async () => {
    // loss = 3 a + 4 b: a gradient of norm 5
    const line = (b: GraphBuilder): Value => {
      const one = (name: string, k: number): Value =>
        b.op.Mul(
          b.param(name, 'float32', [], (d) => tensorOf('float32', d, [1])),
          b.input(k === 3 ? 'p' : 'q', 'float32', []),
        );
      return b.op.Add(one('a', 3), one('b', 4));
    };
    const [trainer] = await make(line, { optimizer: sgd(), clipNorm: 2.5 });
    expect(trainer.gradientNorm()).toBeUndefined();
    await trainer.step({ p: tensor.scalar(3), q: tensor.scalar(4) }, 1, 1);
    expect(trainer.gradientNorm()).toBe(5);
    close(copy(trainer.weights()), { a: [1 - 1.5], b: [1 - 2] }, 1e-6);
    await trainer.release();
  });
});

describe('first weights', () => {
  const step = buildTrainStep(plain, { optimizer: sgd() });
  it('are drawn where none are given, each by its own name', () => {
    const all = initialWeights(step, createRng(1));
    const bias = tensor.float32([1, 2, 3], [3]);
    const some = initialWeights(step, createRng(1), { 'output/bias': bias });
    expect(some['output/bias']).toBe(bias);
    expect(some['hidden/weight']).toEqual(all['hidden/weight']);
    expect(Object.keys(all).sort()).toEqual([
      'hidden/bias',
      'hidden/weight',
      'output/bias',
      'output/weight',
      'running',
    ]);
  });
  it('must have the shape of their parameter', () => {
    expect(() => initialWeights(step, createRng(1), { 'output/bias': tensor.float32([1], [1]) })).toThrow(
      /"output\/bias" is \[3\], but its first value is \[1\]/,
    );
  });
});

describe('what cannot be', () => {
  it('a checkpoint of other tensors is refused', async () => {
    const [trainer] = await make(plain, { optimizer: adam(), lossScale: {} });
    const saved = copied(trainer.save());
    const { 'output/bias/m': _, ...lacking } = saved;
    expect(() => trainer.restore(lacking)).toThrow(/nothing for "output\/bias\/m", which needs 12/);
    expect(() => trainer.restore({ ...saved, 'output/bias': new Uint8Array(4) })).toThrow(/4 bytes for "output\/bias"/);
    const { 'trainer/loss_scale': __, ...unscaled } = saved;
    expect(() => trainer.restore(unscaled)).toThrow(/lacks the loss scale/);
    await trainer.release();
  });
  it('a random input whose size no feed shows names itself', async () => {
    const [trainer] = await make(
      (b) => {
        const w = b.param('w', 'float32', [1], (d) => tensorOf('float32', d, [1]));
        return b.op.Add(b.op.ReduceMean(b.random('noise', ['M'], 'normal')), b.op.ReduceSum(w));
      },
      { optimizer: sgd() },
    );
    await expect(trainer.step({}, 1, 0.1)).rejects.toThrow(/"noise" has the size M, which no input of the batch shows/);
    await trainer.release();
  });
  it.each([
    [{ clipNorm: 0 }, /norm to clip at must be positive/],
    [{ clipValue: -1 }, /value to clip gradients at must be positive/],
    [{ ema: 1 }, /ema must be at least 0 and less than 1/],
    [{ parameterGroups: [{ match: () => true, weightDecay: -1 }] }, /weight_decay must be 0 or more/],
  ])('settings %j', (settings, message) => {
    expect(() => buildTrainStep(plain, { optimizer: sgd(), ...settings })).toThrow(message);
  });
});
