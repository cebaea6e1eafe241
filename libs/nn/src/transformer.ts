import type { GraphBuilder, Value } from '@strata/graph';
import { StrataError } from '@strata/kernel';
import { multiHeadAttention, scoreBias, type Linear } from './attention.js';
import { feedForward, type FeedForwardActivation } from './feed-forward.js';
import { normal, zeros } from './init.js';
import { dense, dropout, embedding, lastSize } from './layers.js';
import { layerNorm, normalize, type Norm } from './norm.js';
import { learnedPositions, rotary, sinusoidalPositions, type PositionKind, type Rotary } from './positions.js';

/** A table of embeddings: `embedding`, or what wraps it. */
export type Lookup = typeof embedding;

/** Shape of a transformer, under the names of Hugging Face and GPT. */
export interface TransformerConfig {
  readonly vocab_size: number;
  /** Longest sequence. */
  readonly block_size: number;
  readonly n_layer: number;
  readonly n_head: number;
  /** Key-value heads, a divisor of `n_head`; default `n_head`. */
  readonly n_kv_head?: number | undefined;
  readonly n_embd: number;
  /** Width inside the feed-forward layers; default 4 · n_embd, for gated activations 8/3 · n_embd rounded up to a multiple of 8. */
  readonly n_inner?: number | undefined;
  /** Rate for embeddings, attention weights and residual branches; default 0. */
  readonly dropout?: number;
  /** Default `learned`. */
  readonly position?: PositionKind;
  readonly rope_theta?: number;
  /** Default `layernorm`. */
  readonly norm?: Norm;
  readonly norm_eps?: number;
  /** Where a block normalises: before each branch (GPT-2 and later) or after it (the original, BERT). Default: `pre` in `gpt`, `post` in `bert`. */
  readonly norm_order?: 'pre' | 'post';
  /** Default: `gelu_tanh` in `gpt`, `gelu` in `bert`. */
  readonly activation?: FeedForwardActivation;
  /** Biases of dense layers and layer normalisations; default true. */
  readonly bias?: boolean;
  /** Whether logits use the table of the tokens; default true. */
  readonly tie_word_embeddings?: boolean;
  /** Kinds of segments of a BERT whose `token_type_ids` are given; default none. */
  readonly type_vocab_size?: number;
  /** Standard deviation of first weights; default 0.02. */
  readonly initializer_range?: number;
  /** Makes the dense layers of the blocks; default `dense`. A low-rank adapter wraps it. */
  readonly linear?: Linear;
  /** Makes the table of the tokens; default `embedding`. A low-rank adapter wraps it. */
  readonly lookup?: Lookup;
}

export interface TransformerOptions {
  /** With dropout. */
  readonly training: boolean;
}

/** Table of the tokens, [vocab_size, n_embd]. */
const TOKENS = 'tokens';

const gated = (a: FeedForwardActivation) => a === 'swiglu' || a === 'geglu';

export const innerWidth = (c: TransformerConfig, activation: FeedForwardActivation): number =>
  c.n_inner ?? (gated(activation) ? 8 * Math.ceil(c.n_embd / 3) : 4 * c.n_embd);

interface BlockContext {
  readonly order: 'pre' | 'post';
  readonly activation: FeedForwardActivation;
  readonly dropout: number;
  readonly bias: Value | undefined;
  readonly rotary: Rotary | undefined;
}

/** One transformer block over x [T, N, n_embd]; parameters under `{name}/norm_1`, `attention`, `norm_2`, `feed_forward`. */
function block(b: GraphBuilder, x: Value, name: string, c: TransformerConfig, ctx: BlockContext): Value {
  const std = c.initializer_range ?? 0.02;
  const bias = c.bias ?? true;
  // branches add up along the residual stream: GPT-2 draws their last weights smaller by √(number of branches)
  const inits = {
    init: normal(std),
    outInit: ctx.order === 'pre' ? normal(std / Math.sqrt(2 * c.n_layer)) : normal(std),
  };
  const norm = (y: Value, layer: string) =>
    normalize(b, y, c.norm ?? 'layernorm', { name: layer, bias, ...(c.norm_eps ? { epsilon: c.norm_eps } : {}) });
  const linear = c.linear ? { linear: c.linear } : {};
  const attention = (y: Value) =>
    multiHeadAttention(b, y, {
      name: 'attention',
      heads: c.n_head,
      kvHeads: c.n_kv_head ?? c.n_head,
      bias: ctx.bias,
      rotary: ctx.rotary,
      dropout: ctx.dropout,
      projectionBias: bias,
      ...inits,
      ...linear,
    });
  const feed = (y: Value) =>
    feedForward(b, y, {
      name: 'feed_forward',
      hidden: innerWidth(c, ctx.activation),
      activation: ctx.activation,
      bias,
      ...inits,
      ...linear,
    });
  const drop = (y: Value, at: string) => dropout(b, y, { name: at, rate: ctx.dropout });
  return b.scope(name, () => {
    if (ctx.order === 'pre') {
      const y = b.op.Add(x, drop(attention(norm(x, 'norm_1')), 'attention_dropout'));
      return b.op.Add(y, drop(feed(norm(y, 'norm_2')), 'feed_forward_dropout'));
    }
    const y = norm(b.op.Add(x, drop(attention(x), 'attention_dropout')), 'norm_1');
    return norm(b.op.Add(y, drop(feed(y), 'feed_forward_dropout')), 'norm_2');
  });
}

interface Stack {
  readonly causal: boolean;
  readonly padding?: Value | undefined;
  readonly types?: Value | undefined;
  readonly order: 'pre' | 'post';
  readonly activation: FeedForwardActivation;
  /** Normalises the embeddings, as BERT does. */
  readonly embeddingNorm: boolean;
  readonly training: boolean;
}

/** Embeddings and blocks: ids int64 [N, T] → hidden states [N, T, n_embd]. Inside, tokens are the first axis (see `attend`). */
function stack(b: GraphBuilder, ids: Value, c: TransformerConfig, s: Stack): Value {
  const { op } = b;
  const position = c.position ?? 'learned';
  const init = normal(c.initializer_range ?? 0.02);
  const rate = s.training ? (c.dropout ?? 0) : 0;
  const turned = op.Transpose(ids, [1, 0]); // [T, N]
  const epsilon = c.norm_eps ? { epsilon: c.norm_eps } : {};
  let x = (c.lookup ?? embedding)(b, turned, { name: TOKENS, buckets: c.vocab_size, dim: c.n_embd, init });
  const size = { length: c.block_size, width: c.n_embd };
  if (position === 'learned')
    x = op.Add(x, op.Unsqueeze(learnedPositions(b, ids, 1, { ...size, name: 'positions' }), [1]));
  if (position === 'sinusoidal') x = op.Add(x, op.Unsqueeze(sinusoidalPositions(b, ids, 1, size), [1]));
  if (s.types)
    x = op.Add(
      x,
      embedding(b, op.Transpose(s.types, [1, 0]), {
        name: 'types',
        buckets: c.type_vocab_size ?? 2,
        dim: c.n_embd,
        init,
      }),
    );
  const bias = c.bias ?? true;
  if (s.embeddingNorm) x = normalize(b, x, c.norm ?? 'layernorm', { name: 'embedding_norm', bias, ...epsilon });
  x = dropout(b, x, { name: 'embedding_dropout', rate });
  const ctx: BlockContext = {
    order: s.order,
    activation: s.activation,
    dropout: rate,
    bias: scoreBias(b, ids, 1, {
      causal: s.causal,
      padding: s.padding,
      alibi: position === 'alibi' ? c.n_head : undefined,
    }),
    rotary:
      position === 'rotary'
        ? rotary(b, ids, 1, {
            length: c.block_size,
            headSize: c.n_embd / c.n_head,
            ...(c.rope_theta === undefined ? {} : { theta: c.rope_theta }),
          })
        : undefined,
  };
  for (let i = 0; i < c.n_layer; i++) x = block(b, x, `block_${i}`, c, ctx);
  if (s.order === 'pre') x = normalize(b, x, c.norm ?? 'layernorm', { name: 'norm', bias, ...epsilon });
  return op.Transpose(x, [1, 0, 2]);
}

/**
 * A decoder of the GPT family: ids int64 [N, T] → hidden states float32 [N, T, n_embd], ready for `lmHead`. Parameters: `tokens/table`, `positions/table` (learned positions),
 * `block_{i}/norm_1/scale|bias`, `block_{i}/attention/qkv/weight|bias`, `block_{i}/attention/out/weight|bias`, `block_{i}/norm_2/scale|bias`,
 * `block_{i}/feed_forward/up|gate|down/weight|bias`, `norm/scale|bias`. Weights are [in, out]; the columns of `qkv` are queries, keys, values, head by head.
 */
export function gpt(b: GraphBuilder, ids: Value, config: TransformerConfig, options: TransformerOptions): Value {
  return stack(b, ids, config, {
    causal: true,
    order: config.norm_order ?? 'pre',
    activation: config.activation ?? 'gelu_tanh',
    embeddingNorm: false,
    training: options.training,
  });
}

/**
 * An encoder of the BERT family (Devlin et al. 2018, arXiv 1810.04805): ids int64 [N, T], attention mask int64 [N, T] (1 for tokens, 0 for padding; undefined: no padding) →
 * hidden states float32 [N, T, n_embd]. Parameters as in `gpt`, and `embedding_norm/scale|bias`; with `token_type_ids` also `types/table`; the last `norm` only with `norm_order: 'pre'`.
 */
export function bert(
  b: GraphBuilder,
  ids: Value,
  attentionMask: Value | undefined,
  config: TransformerConfig,
  options: TransformerOptions & { readonly token_type_ids?: Value },
): Value {
  return stack(b, ids, config, {
    causal: false,
    padding: attentionMask,
    types: options.token_type_ids,
    order: config.norm_order ?? 'post',
    activation: config.activation ?? 'gelu',
    embeddingNorm: true,
    training: options.training,
  });
}

/** The token table of the model that was built last in this builder. */
function tokenTable(b: GraphBuilder): Value {
  const p = b.parameters.findLast((x) => x.name === `${TOKENS}/table` || x.name.endsWith(`/${TOKENS}/table`));
  if (!p) throw new StrataError('invalid_graph', 'there is no token table to tie the logits to: build the model first');
  return b.value(p.name);
}

/**
 * Logits over the vocabulary: hidden [..., n_embd] → [..., vocab_size]. Tied to the token table (Press & Wolf 2016, arXiv 1608.05859), or the layer `{name}/weight`.
 * @param options.bias adds the parameter `{name}/bias` [vocab_size]
 */
export function lmHead(
  b: GraphBuilder,
  hidden: Value,
  config: TransformerConfig,
  options: { readonly name?: string; readonly bias?: boolean } = {},
): Value {
  const { name = 'lm_head', bias = false } = options;
  if (config.tie_word_embeddings === false)
    return dense(b, hidden, { name, units: config.vocab_size, bias, init: normal(config.initializer_range ?? 0.02) });
  const logits = b.op.MatMul(hidden, b.op.Transpose(tokenTable(b), [1, 0]));
  return bias
    ? b.op.Add(
        logits,
        b.scope(name, () => b.param('bias', 'float32', [config.vocab_size], zeros)),
      )
    : logits;
}

/** BERT's head for masked tokens: dense, GELU, layer normalisation (unless `norm: false`), then `lmHead` with a bias. Parameters under `mlm/transform`, `mlm/norm`, `mlm/bias`. */
export function mlmHead(
  b: GraphBuilder,
  hidden: Value,
  config: TransformerConfig,
  options: { readonly norm?: boolean } = {},
): Value {
  const init = normal(config.initializer_range ?? 0.02);
  const x = b.scope('mlm', () => {
    const y = b.op.Gelu(dense(b, hidden, { name: 'transform', units: lastSize(hidden, 'mlm'), init }));
    return options.norm === false ? y : layerNorm(b, y, { name: 'norm' });
  });
  return lmHead(b, x, config, { name: 'mlm', bias: true });
}
