import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import type { GraphBuilder, Value } from '@strata/graph';
import { createRng } from '@strata/kernel';
import {
  batchNorm,
  bert,
  conv2d,
  crossEntropy,
  dense,
  globalAveragePool,
  gpt,
  lmHead,
  lstm,
  maxPool,
  recurrentFromPyTorch,
  residualBlock,
} from '@strata/nn';
import { tensor, type Tensor } from '@strata/runtime';
import { adam, adamw, sgd } from './optimizer.js';
import { buildTrainStep, type TrainStepOptions } from './step.js';
import { createTrainer, initialWeights, type Weights } from './trainer.js';

// The same weights and data as tools/fixtures/pytorch_losses.py, which made the fixture: 20 training steps must give PyTorch's losses.

interface Fixture {
  readonly parameters: Readonly<Record<string, readonly number[]>>;
  readonly losses: readonly number[];
}
const fixtures = JSON.parse(
  readFileSync(new URL('./fixtures/pytorch-losses.json', import.meta.url), 'utf8'),
) as Readonly<Record<string, Fixture>>;
const count = (shape: readonly number[]): number => shape.reduce((a, d) => a * d, 1);

/** x ← 1664525 x + 1013904223 mod 2³², from seed · 2654435761. */
function* stream(seed: number): Generator<number, never> {
  let x = Math.imul(seed, 2654435761) >>> 0;
  for (;;) yield (x = (Math.imul(x, 1664525) + 1013904223) >>> 0);
}
function draw(seed: number, n: number, f: (x: number) => number): number[] {
  const s = stream(seed);
  return Array.from({ length: n }, () => f(s.next().value));
}
const unit = (x: number): number => x / 2 ** 31 - 1;
const floats = (seed: number, shape: readonly number[]): Tensor =>
  tensor.float32(
    draw(seed, count(shape), (x) => unit(x) * Math.sqrt(3)),
    shape,
  );
const integers = (seed: number, shape: readonly number[], below: number): Tensor =>
  tensor.int64(
    draw(seed, count(shape), (x) => (x >>> 16) % below),
    shape,
  );

/** PyTorch's parameters by its names. */
function parametersOf({ parameters }: Fixture): Theirs {
  return new Map(
    Object.entries(parameters).map(([name, shape], i) => {
      const scale = 1 / Math.sqrt(count(shape.slice(1)));
      const norm = name.includes('norm') && name.endsWith('weight');
      const values = draw(i + 1, count(shape), (x) =>
        shape.length >= 2 ? unit(x) * scale : norm ? 1 + 0.1 * unit(x) : 0.1 * unit(x),
      );
      return [name, { shape, values }] as const;
    }),
  );
}

/** A linear layer of PyTorch is [out, in], ours [in, out]. */
function transposed(values: readonly number[], [rows = 0, columns = 0]: readonly number[]): number[] {
  return Array.from({ length: rows * columns }, (_, i) => values[(i % rows) * columns + Math.floor(i / rows)] ?? NaN);
}

type Theirs = ReadonlyMap<string, { readonly shape: readonly number[]; readonly values: readonly number[] }>;

interface Case {
  readonly model: (b: GraphBuilder) => Value;
  /** Our name of each of PyTorch's parameters; `T` in front: transposed. Those that are absent are converted. */
  readonly names: Readonly<Record<string, string>>;
  readonly converted?: (theirs: Theirs) => Readonly<Record<string, ArrayLike<number>>>;
  readonly batch: (seed: number) => Readonly<Record<string, Tensor>>;
  readonly options: TrainStepOptions;
  readonly learningRate: number;
}

const loss = (b: GraphBuilder, logits: Value, labels: Value): Value =>
  crossEntropy(b, b.op.Reshape(logits, [-1, Number(logits.shape.at(-1))]), b.op.Reshape(labels, [-1]));

const VOCAB = 37;
const TOKENS = 12;
const transformer = { vocab_size: VOCAB, block_size: TOKENS, n_layer: 2, n_head: 2, n_embd: 16 };
const transformerNames = (extra: Readonly<Record<string, string>>): Readonly<Record<string, string>> => ({
  'tokens.weight': 'tokens/table',
  'positions.weight': 'positions/table',
  ...Object.fromEntries(
    [0, 1].flatMap((i) => {
      const [theirs, ours] = [`block${i + 1}`, `block_${i}`];
      return [
        [`${theirs}.norm1.weight`, `${ours}/norm_1/scale`],
        [`${theirs}.norm1.bias`, `${ours}/norm_1/bias`],
        [`${theirs}.norm2.weight`, `${ours}/norm_2/scale`],
        [`${theirs}.norm2.bias`, `${ours}/norm_2/bias`],
        ...[
          ['qkv', 'attention/qkv'],
          ['proj', 'attention/out'],
          ['up', 'feed_forward/up'],
          ['down', 'feed_forward/down'],
        ].flatMap(([a, c]) => [
          [`${theirs}.${a}.weight`, `T${ours}/${c}/weight`],
          [`${theirs}.${a}.bias`, `${ours}/${c}/bias`],
        ]),
      ];
    }),
  ),
  ...extra,
});
const tokens = (seed: number): Readonly<Record<string, Tensor>> => ({
  input_ids: integers(seed, [4, TOKENS], VOCAB),
  labels: integers(seed + 1, [4, TOKENS], VOCAB),
});
const inputs = (b: GraphBuilder): [Value, Value] => [
  b.input('input_ids', 'int64', ['N', TOKENS]),
  b.input('labels', 'int64', ['N', TOKENS]),
];

const CASES: Readonly<Record<string, Case>> = {
  mlp: {
    model: (b) => {
      const x = b.input('x', 'float32', ['N', 10]);
      const h = b.op.Relu(dense(b, x, { name: 'a', units: 24 }));
      const y = dense(b, b.op.Tanh(dense(b, h, { name: 'b', units: 24 })), { name: 'c', units: 5 });
      return loss(b, y, b.input('labels', 'int64', ['N']));
    },
    names: {
      '0.weight': 'Ta/weight',
      '0.bias': 'a/bias',
      '2.weight': 'Tb/weight',
      '2.bias': 'b/bias',
      '4.weight': 'Tc/weight',
      '4.bias': 'c/bias',
    },
    batch: (seed) => ({ x: floats(seed, [16, 10]), labels: integers(seed + 1, [16], 5) }),
    options: { optimizer: sgd({ momentum: 0.9 }) },
    learningRate: 0.1,
  },
  cnn: {
    model: (b) => {
      const layers = { training: true, norm: 'batch' } as const;
      const stem = conv2d(b, b.input('x', 'float32', ['N', 3, 16, 16]), {
        name: 'stem',
        outChannels: 4,
        kernelSize: 3,
        padding: 1,
        bias: false,
      });
      let y = b.op.Relu(batchNorm(b, stem, { name: 'norm', training: true }));
      y = maxPool(b, y, { kernelSize: 2 });
      y = residualBlock(b, y, { name: 'block1', outChannels: 4, ...layers });
      y = residualBlock(b, y, { name: 'block2', outChannels: 8, stride: 2, ...layers });
      const logits = dense(b, globalAveragePool(b, y), { name: 'head', units: 5 });
      return loss(b, logits, b.input('labels', 'int64', ['N']));
    },
    names: {
      'stem.weight': 'stem/weight',
      'norm.weight': 'norm/weight',
      'norm.bias': 'norm/bias',
      ...Object.fromEntries(
        ['block1', 'block2'].flatMap((block) =>
          [1, 2].flatMap((i) => [
            [`${block}.conv${i}.weight`, `${block}/conv${i}/weight`],
            [`${block}.norm${i}.weight`, `${block}/norm${i}/weight`],
            [`${block}.norm${i}.bias`, `${block}/norm${i}/bias`],
          ]),
        ),
      ),
      'block2.short.weight': 'block2/shortcut/weight',
      'block2.norm_short.weight': 'block2/shortcut_norm/weight',
      'block2.norm_short.bias': 'block2/shortcut_norm/bias',
      'head.weight': 'Thead/weight',
      'head.bias': 'head/bias',
    },
    batch: (seed) => ({ x: floats(seed, [8, 3, 16, 16]), labels: integers(seed + 1, [8], 5) }),
    options: { optimizer: sgd({ momentum: 0.9, nesterov: true }) },
    learningRate: 0.02,
  },
  lstm: {
    model: (b) => {
      const last = lstm(b, b.input('x', 'float32', ['N', 9, 6]), { name: 'lstm', units: 12, training: true }).last();
      return loss(b, dense(b, last, { name: 'head', units: 4 }), b.input('labels', 'int64', ['N']));
    },
    names: { 'head.weight': 'Thead/weight', 'head.bias': 'head/bias' },
    converted: (theirs) => {
      const { W, R, B } = recurrentFromPyTorch('lstm', 12, [
        {
          weight_ih: valuesOf(theirs, 'lstm.weight_ih_l0'),
          weight_hh: valuesOf(theirs, 'lstm.weight_hh_l0'),
          bias_ih: valuesOf(theirs, 'lstm.bias_ih_l0'),
          bias_hh: valuesOf(theirs, 'lstm.bias_hh_l0'),
        },
      ]);
      return { 'lstm/layer_0/W': W, 'lstm/layer_0/R': R, 'lstm/layer_0/B': B };
    },
    batch: (seed) => ({ x: floats(seed, [8, 9, 6]), labels: integers(seed + 1, [8], 4) }),
    options: { optimizer: adam() },
    learningRate: 0.01,
  },
  bert: {
    model: (b) => {
      const [ids, labels] = inputs(b);
      const hidden = bert(b, ids, undefined, transformer, { training: true });
      return loss(b, lmHead(b, hidden, transformer, { name: 'lm_head', bias: true }), labels);
    },
    names: transformerNames({
      'norm.weight': 'embedding_norm/scale',
      'norm.bias': 'embedding_norm/bias',
      bias: 'lm_head/bias',
    }),
    batch: tokens,
    options: { optimizer: adamw({ weightDecay: 0.1 }) },
    learningRate: 2e-3,
  },
  gpt: {
    model: (b) => {
      const [ids, labels] = inputs(b);
      return loss(b, lmHead(b, gpt(b, ids, transformer, { training: true }), transformer), labels);
    },
    names: transformerNames({ 'norm.weight': 'norm/scale', 'norm.bias': 'norm/bias' }),
    batch: tokens,
    options: { optimizer: adamw({ weightDecay: 0.1, betas: [0.9, 0.95] }), clipNorm: 1 },
    learningRate: 2e-3,
  },
};

const valuesOf = (theirs: Theirs, name: string): readonly number[] => {
  const p = theirs.get(name);
  if (!p) throw new Error(`the fixture has no parameter "${name}"`);
  return p.values;
};

/** Largest |ours − theirs| / |theirs| over the steps. */
async function distance(
  name: string,
  { model, names, converted, batch, options, learningRate }: Case,
): Promise<number> {
  const fixture = fixtures[name];
  if (!fixture) throw new Error(`the fixture has no model "${name}"`);
  const step = buildTrainStep(model, options);
  const theirs = parametersOf(fixture);
  const given: Record<string, Tensor<'float32'>> = {};
  const give = (ours: string, values: ArrayLike<number>): void => {
    const p = step.parameters.find((x) => x.name === ours);
    if (!p) throw new Error(`no parameter "${ours}" among ${step.parameters.map((x) => x.name).join(', ')}`);
    given[p.name] = tensor.float32(Float32Array.from(values), p.shape);
  };
  for (const [theirName, { shape, values }] of theirs) {
    const ours = names[theirName];
    if (ours) give(ours.replace(/^T/, ''), ours.startsWith('T') ? transposed(values, shape) : values);
  }
  for (const [ours, values] of Object.entries(converted?.(theirs) ?? {})) give(ours, values);
  expect(Object.keys(given).sort()).toEqual(step.parameters.map((p) => p.name).sort());
  const weights: Weights = { ...initialWeights(step, createRng(1)), ...given };
  const trainer = await createTrainer(step, weights, { threads: 1 });
  let worst = 0;
  for (const [t, expected] of fixture.losses.entries()) {
    const got = await trainer.step(batch(1000 + 2 * t), t + 1, learningRate);
    worst = Math.max(worst, Math.abs(got / expected - 1));
  }
  await trainer.release();
  return worst;
}

describe('20 training steps give the losses of PyTorch', () => {
  it.each(Object.entries(CASES))('%s', async (name, c) => {
    expect(await distance(name, c)).toBeLessThan(1e-4);
  });
});
