import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { GraphBuilder, tensorOf, toOnnx, type Value } from '@strata/graph';
import {
  alibiSlopes,
  attend,
  bert,
  gpt,
  multiHeadAttention,
  scoreBias,
  sinusoidalPositions,
  type TransformerConfig,
} from '@strata/nn';
import { createSession, float32Of, tensor, type Tensor } from '@strata/runtime';

// tools/fixtures/transformers_models.py made the fixture from Hugging Face's Llama and BERT and PyTorch's multi-head attention with the weights that are drawn here.

interface Fixture {
  readonly parameters: Readonly<Record<string, readonly number[]>>;
  readonly hidden: readonly number[];
}
const fixtures = JSON.parse(readFileSync(new URL('./fixtures/transformers.json', import.meta.url), 'utf8')) as Readonly<
  Record<'llama' | 'bert' | 'cross', Fixture>
>;

function draw(seed: number, n: number): number[] {
  let x = Math.imul(seed, 2654435761) >>> 0;
  return Array.from({ length: n }, () => (x = (Math.imul(x, 1664525) + 1013904223) >>> 0) / 2 ** 31 - 1);
}
const count = (shape: readonly number[]): number => shape.reduce((a, d) => a * d, 1);

/** Columns [in][out] of a linear layer, which PyTorch keeps as [out, in]. */
type Matrix = number[][];
const joined = (...parts: Matrix[]): number[] => (parts[0] ?? []).flatMap((_, i) => parts.flatMap((p) => p[i] ?? []));

class Theirs {
  private readonly values = new Map<string, { shape: readonly number[]; values: number[] }>();
  constructor({ parameters }: Fixture) {
    Object.entries(parameters).forEach(([name, shape], i) => {
      const norm = name.toLowerCase().includes('norm') && name.endsWith('weight');
      const values = draw(i + 1, count(shape)).map((v) => (norm ? 1 + 0.1 * v : 0.5 * v));
      this.values.set(name, { shape, values });
    });
  }
  flat(name: string): number[] {
    return this.values.get(name)?.values ?? [];
  }
  linear(name: string): Matrix {
    const { shape, values } = this.values.get(name) ?? { shape: [], values: [] };
    const [out = 0, width = 0] = shape;
    return Array.from({ length: width }, (_, i) => Array.from({ length: out }, (_, o) => values[o * width + i] ?? NaN));
  }
}

async function run(
  b: GraphBuilder,
  y: Value,
  feeds: Record<string, Tensor>,
  weights: Readonly<Record<string, readonly number[]>> = {},
): Promise<Float32Array> {
  b.output('y', y);
  const session = await createSession(toOnnx(b.build()));
  expect(Object.keys(weights).sort()).toEqual(b.parameters.map((p) => p.name).sort());
  const all = { ...feeds };
  for (const p of b.parameters) all[p.name] = tensor.float32(Float32Array.from(weights[p.name] ?? []), p.shape);
  const out = float32Of((await session.run(all))['y'], 'y');
  await session.release();
  return out;
}

function close(actual: Float32Array, expected: readonly number[], keep: (i: number) => boolean = () => true): void {
  expect(actual.length).toBe(expected.length);
  actual.forEach((v, i) => {
    if (keep(i) && !(Math.abs(v - (expected[i] ?? NaN)) <= 2e-5))
      throw new Error(`element ${i} is ${v}, not ${expected[i]}`);
  });
}

const ids = tensor.int64([1, 5, 2, 9, 11, 3, 4, 4, 0, 7, 12, 10], [2, 6]);
const sizes: readonly (readonly [string, string | number, string | number])[] = [
  ['known sizes', 2, 6],
  ['symbols', 'N', 'L'],
];

describe('models of Hugging Face', () => {
  it.each(sizes)('Llama: rotary positions, RMSNorm, SwiGLU, grouped queries; %s', async (_, n, length) => {
    const their = new Theirs(fixtures.llama);
    const config: TransformerConfig = {
      vocab_size: 13,
      block_size: 8,
      n_layer: 2,
      n_head: 4,
      n_kv_head: 2,
      n_embd: 16,
      n_inner: 24,
      position: 'rotary',
      norm: 'rmsnorm',
      norm_eps: 1e-6,
      activation: 'swiglu',
      bias: false,
    };
    const weights: Record<string, number[]> = {
      'tokens/table': their.flat('embed_tokens.weight'),
      'norm/scale': their.flat('norm.weight'),
    };
    for (let i = 0; i < 2; i++) {
      const at = `layers.${i}.`;
      const [attention, mlp] = [`${at}self_attn.`, `${at}mlp.`];
      weights[`block_${i}/norm_1/scale`] = their.flat(`${at}input_layernorm.weight`);
      weights[`block_${i}/norm_2/scale`] = their.flat(`${at}post_attention_layernorm.weight`);
      weights[`block_${i}/attention/qkv/weight`] = joined(
        ...['q', 'k', 'v'].map((p) => their.linear(`${attention}${p}_proj.weight`)),
      );
      weights[`block_${i}/attention/out/weight`] = joined(their.linear(`${attention}o_proj.weight`));
      for (const part of ['gate', 'up', 'down'])
        weights[`block_${i}/feed_forward/${part}/weight`] = joined(their.linear(`${mlp}${part}_proj.weight`));
    }
    const b = new GraphBuilder();
    const y = gpt(b, b.input('ids', 'int64', [n, length]), config, { training: true });
    close(await run(b, y, { ids }, weights), fixtures.llama.hidden);
  });

  it.each(sizes)('BERT: learned positions, segments, padding; %s', async (_, n, length) => {
    const their = new Theirs(fixtures.bert);
    const config: TransformerConfig = {
      vocab_size: 13,
      block_size: 8,
      n_layer: 2,
      n_head: 2,
      n_embd: 16,
      n_inner: 32,
      type_vocab_size: 2,
      norm_eps: 1e-12,
    };
    const weights: Record<string, number[]> = {
      'tokens/table': their.flat('embeddings.word_embeddings.weight'),
      'positions/table': their.flat('embeddings.position_embeddings.weight'),
      'types/table': their.flat('embeddings.token_type_embeddings.weight'),
      'embedding_norm/scale': their.flat('embeddings.LayerNorm.weight'),
      'embedding_norm/bias': their.flat('embeddings.LayerNorm.bias'),
    };
    for (let i = 0; i < 2; i++) {
      const at = `encoder.layer.${i}.`;
      const qkv = ['query', 'key', 'value'].map((p) => `${at}attention.self.${p}`);
      weights[`block_${i}/attention/qkv/weight`] = joined(...qkv.map((p) => their.linear(`${p}.weight`)));
      weights[`block_${i}/attention/qkv/bias`] = qkv.flatMap((p) => their.flat(`${p}.bias`));
      const dense: Record<string, string> = {
        'attention/out': 'attention.output.dense',
        'feed_forward/up': 'intermediate.dense',
        'feed_forward/down': 'output.dense',
      };
      for (const [ours, theirs] of Object.entries(dense)) {
        weights[`block_${i}/${ours}/weight`] = joined(their.linear(`${at}${theirs}.weight`));
        weights[`block_${i}/${ours}/bias`] = their.flat(`${at}${theirs}.bias`);
      }
      for (const [ours, theirs] of [
        ['norm_1', 'attention.output'],
        ['norm_2', 'output'],
      ] as const) {
        weights[`block_${i}/${ours}/scale`] = their.flat(`${at}${theirs}.LayerNorm.weight`);
        weights[`block_${i}/${ours}/bias`] = their.flat(`${at}${theirs}.LayerNorm.bias`);
      }
    }
    const mask = [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0];
    const b = new GraphBuilder();
    const y = bert(b, b.input('ids', 'int64', [n, length]), b.input('mask', 'int64', [n, length]), config, {
      training: true,
      token_type_ids: b.input('types', 'int64', [n, length]),
    });
    const feeds = {
      ids,
      mask: tensor.int64(mask, [2, 6]),
      types: tensor.int64([0, 0, 0, 1, 1, 1, 0, 1, 1, 1, 0, 0], [2, 6]),
    };
    // what stands at padded places means nothing
    close(await run(b, y, feeds, weights), fixtures.bert.hidden, (i) => mask[Math.floor(i / 16)] === 1);
  });

  it('cross-attention is that of torch.nn.MultiheadAttention', async () => {
    const their = new Theirs(fixtures.cross);
    const all = their.linear('in_proj_weight');
    const bias = their.flat('in_proj_bias');
    const b = new GraphBuilder();
    const memory = b.input('memory', 'float32', ['S', 'N', 8]);
    const y = multiHeadAttention(b, b.input('query', 'float32', ['T', 'N', 8]), { name: 'a', heads: 2, memory });
    const feeds = {
      query: tensor.float32(draw(100, 48), [3, 2, 8]),
      memory: tensor.float32(draw(101, 80), [5, 2, 8]),
    };
    const out = await run(b, y, feeds, {
      'a/q/weight': joined(all.map((r) => r.slice(0, 8))),
      'a/q/bias': bias.slice(0, 8),
      'a/kv/weight': joined(all.map((r) => r.slice(8))),
      'a/kv/bias': bias.slice(8),
      'a/out/weight': joined(their.linear('out_proj.weight')),
      'a/out/bias': their.flat('out_proj.bias'),
    });
    close(out, fixtures.cross.hidden);
  });
});

describe('positions', () => {
  it('ALiBi has the published slopes', () => {
    expect(alibiSlopes(8)).toEqual([1, 2, 3, 4, 5, 6, 7, 8].map((i) => 2 ** -i));
    // for 12 heads: those of 8, then the first, third, … of 16
    expect(alibiSlopes(12)).toEqual([...alibiSlopes(8), ...[1, 3, 5, 7].map((i) => 2 ** (-i / 2))]);
  });

  it.each([true, false])('ALiBi penalises distance; causal: %s', async (causal) => {
    const expected = [0.0625, 0.00390625].flatMap((slope) =>
      [0, 1, 2].flatMap((i) => [0, 1, 2].map((j) => (causal && j > i ? -Infinity : -slope * Math.abs(i - j)))),
    );
    for (const length of [3, 'L']) {
      const b = new GraphBuilder();
      const like = b.input('ids', 'int64', [1, length]);
      const bias = scoreBias(b, like, 1, { causal, alibi: 2 });
      if (!bias) throw new Error('there is a bias');
      const out = await run(b, bias, { ids: tensor.int64([0, 0, 0], [1, 3]) });
      close(
        out.map((v) => (v < -1e8 ? -Infinity : v)),
        expected,
        (i) => Number.isFinite(expected[i]),
      );
      expected.forEach((e, i) => Number.isFinite(e) || expect(out[i]).toBeLessThan(-1e8));
    }
  });

  it('sinusoids alternate', async () => {
    const b = new GraphBuilder();
    const table = sinusoidalPositions(b, b.input('ids', 'int64', [1, 'L']), 1, { length: 50, width: 4 });
    const out = await run(b, table, { ids: tensor.int64(new BigInt64Array(8), [1, 8]) });
    close(out.subarray(28), [Math.sin(7), Math.cos(7), Math.sin(0.07), Math.cos(0.07)]);
  });
});

describe('attention', () => {
  it('sees no later token, and no padding', async () => {
    const rows = (extra: number): Promise<Float32Array> => {
      const b = new GraphBuilder();
      const x = b.constant(tensorOf('float32', [4, 1, 2, 3], [...draw(1, 18), ...draw(2, 6).map((v) => v + extra)]));
      const bias = scoreBias(b, b.input('ids', 'int64', [1, 4]), 1, { causal: true });
      return run(b, attend(b, x, x, x, { bias }), { ids: tensor.int64([0, 0, 0, 0], [1, 4]) });
    };
    const [one, other] = [await rows(0), await rows(3)];
    expect(other.subarray(0, 18)).toEqual(one.subarray(0, 18));
    expect(other.subarray(18)).not.toEqual(one.subarray(18));
  });
});
