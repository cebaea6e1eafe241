import { describe, expect, it } from '@jest/globals';
import { GraphBuilder, verify } from '@strata/graph';
import { dense } from './layers.js';
import { bert, gpt, innerWidth, lmHead, mlmHead, type TransformerConfig } from './transformer.js';

const config: TransformerConfig = { vocab_size: 11, block_size: 8, n_layer: 1, n_head: 4, n_embd: 16 };

describe('transformers', () => {
  it('name their parameters as documented', () => {
    const b = new GraphBuilder();
    const hidden = gpt(b, b.input('ids', 'int64', ['N', 'L']), config, { training: true });
    expect(hidden.shape).toEqual(['N', 'L', 16]);
    b.output('logits', lmHead(b, hidden, config));
    expect(b.parameters.map((p) => [p.name, ...p.shape])).toEqual([
      ['tokens/table', 11, 16],
      ['positions/table', 8, 16],
      ['block_0/norm_1/scale', 16],
      ['block_0/norm_1/bias', 16],
      ['block_0/attention/qkv/weight', 16, 48],
      ['block_0/attention/qkv/bias', 48],
      ['block_0/attention/out/weight', 16, 16],
      ['block_0/attention/out/bias', 16],
      ['block_0/norm_2/scale', 16],
      ['block_0/norm_2/bias', 16],
      ['block_0/feed_forward/up/weight', 16, 64],
      ['block_0/feed_forward/up/bias', 64],
      ['block_0/feed_forward/down/weight', 64, 16],
      ['block_0/feed_forward/down/bias', 16],
      ['norm/scale', 16],
      ['norm/bias', 16],
    ]);
    expect(verify(b.build()).outputs[0]?.shape).toEqual(['N', 'L', 11]);
    expect(b.randoms).toEqual([]);
  });

  it('make every dense layer of the blocks by `linear`', () => {
    const made: string[] = [];
    const b = new GraphBuilder();
    const linear: TransformerConfig['linear'] = (builder, x, options) => {
      made.push(`${options.name} ${options.units}`);
      return dense(builder, x, options);
    };
    const small = { ...config, n_kv_head: 2, activation: 'swiglu', bias: false, tie_word_embeddings: false } as const;
    const hidden = gpt(b, b.input('ids', 'int64', [2, 8]), { ...small, linear }, { training: true });
    lmHead(b, hidden, small);
    // queries of 4 heads, keys and values of 2, 4 numbers each; 8/3 of 16 up to a multiple of 8
    expect(innerWidth(small, 'swiglu')).toBe(48);
    expect(made).toEqual(['qkv 32', 'out 16', 'up 48', 'gate 48', 'down 16']);
    const names = b.parameters.map((p) => p.name);
    expect(names.filter((n) => n.endsWith('bias'))).toEqual([]);
    expect(names).toContain('lm_head/weight');
  });

  it('leave things out in training alone', () => {
    const masks = (training: boolean): string[] => {
      const b = new GraphBuilder();
      const ids = b.input('ids', 'int64', ['N', 'L']);
      mlmHead(b, bert(b, ids, undefined, { ...config, dropout: 0.1 }, { training }), config);
      return b.randoms.map((r) => `${r.name} ${r.shape.join()}`);
    };
    expect(masks(true)).toEqual([
      'embedding_dropout L,N,16',
      'block_0/attention/dropout N,4,L,L',
      'block_0/attention_dropout L,N,16',
      'block_0/feed_forward_dropout L,N,16',
    ]);
    expect(masks(false)).toEqual([]);
  });

  it.each([
    [{ n_head: 3 }, /16 cannot be split into 3 heads/],
    [{ n_kv_head: 3 }, /3 key-value heads cannot serve 4 heads/],
    [{ n_head: 16, position: 'rotary' as const }, /even head size, not 1/],
    [{ block_size: 4 }, /8 positions do not fit into a table of 4/],
  ])('refuse %j', (change, message) => {
    const b = new GraphBuilder();
    const ids = b.input('ids', 'int64', [2, 8]);
    expect(() => gpt(b, ids, { ...config, ...change }, { training: true })).toThrow(message);
  });
});
