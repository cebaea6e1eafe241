import { join } from 'node:path';
import type { JobContext, ModelManifest } from '@strata/contracts';
import { loadTokenizer, trainTokenizer, type Tokenizer } from '@strata/data';
import { loadOnnx } from '@strata/graph/onnx';
import { StrataError } from '@strata/kernel';
import type { TransformerConfig } from '@strata/nn';
import type { Weights } from '@strata/training';
import { tokenizerInput, tokenizerOf } from '../../shared/tokenizer.js';
import { causalLmParams } from '../causal-lm/causal-lm.recipe.js';
import { maskedLmParams } from '../masked-lm/masked-lm.recipe.js';
import { configOf } from '../transformer/training.js';
import type { FineTuneParams } from './params.js';

export type Family = 'bert' | 'gpt';

/** What fine-tuning starts from. */
export interface Base {
  readonly family: Family;
  readonly config: TransformerConfig;
  readonly tokenizer: Tokenizer;
  /** Trained weights by parameter name; none without a base model. */
  readonly weights: Weights | undefined;
}

const SPECIAL = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]'];

/** The base has read text as it stands, without [CLS] and [SEP]: nothing is put around a text here either. */
const bare = (t: Tokenizer): Tokenizer => loadTokenizer({ ...t.json, post_processor: null });

function familyOf(manifest: ModelManifest): { family: Family; config: (vocabulary: number) => TransformerConfig } {
  const field = { where: { field: 'inputs.base' } };
  const refuse = (cause?: unknown): StrataError =>
    new StrataError(
      'invalid_model',
      `fine-tuning starts from a model of language/masked-lm or language/causal-lm, and this one is of ${manifest.recipe}.`,
      cause === undefined ? field : { ...field, cause },
    );
  if (manifest.recipe === 'language/masked-lm') {
    const p = maskedLmParams.safeParse(manifest.params);
    if (!p.success) throw refuse(p.error);
    return { family: 'bert', config: (v) => ({ ...configOf(p.data, v), norm_order: p.data.norm_order }) };
  }
  if (manifest.recipe === 'language/causal-lm') {
    const p = causalLmParams.safeParse(manifest.params);
    if (!p.success) throw refuse(p.error);
    return { family: 'gpt', config: (v) => configOf(p.data, v) };
  }
  throw refuse();
}

/** The base model's configuration, tokenizer and weights. @throws StrataError `invalid_model` */
async function givenBase(ctx: JobContext): Promise<Base> {
  const { dir, manifest } = await ctx.model('base');
  const { family, config } = familyOf(manifest);
  const tokenizer = bare(await tokenizerOf(dir, 'inputs.base'));
  const weights: Record<string, Weights[string]> = {};
  for (const [name, t] of loadOnnx(join(dir, 'model.onnx')).initializers)
    if (t.data instanceof Float32Array) weights[name] = { dtype: 'float32', dims: t.dims, data: t.data };
  return { family, config: config(tokenizer.vocabSize), tokenizer, weights };
}

/** The base model, or a configuration to begin from nothing with a tokenizer that is given or learned from the training texts. */
export async function baseOf(ctx: JobContext, p: FineTuneParams, texts: () => string[]): Promise<Base> {
  if (ctx.has('base')) {
    const base = await givenBase(ctx);
    return { ...base, config: { ...base.config, dropout: p.dropout } };
  }
  const tokenizer = ctx.has('tokenizer')
    ? await tokenizerInput(ctx)
    : trainTokenizer(texts(), { type: p.tokenizer, vocab_size: p.vocab_size, special_tokens: SPECIAL });
  const own = {
    n_kv_head: null,
    n_inner: null,
    position: 'learned',
    norm: 'layernorm',
    bias: true,
    tie_word_embeddings: true,
  } as const;
  const config = { ...configOf({ ...p, ...own }, tokenizer.vocabSize), norm_order: 'pre' as const };
  return { family: 'bert', config, tokenizer: bare(tokenizer), weights: undefined };
}

/**
 * Weights of the base for the parameters that it must have.
 * @throws StrataError `invalid_model`, naming the first that is missing or of another shape
 */
export function takeWeights(
  weights: Weights,
  parameters: readonly { name: string; shape: readonly number[] }[],
): Weights {
  return Object.fromEntries(
    parameters.map(({ name, shape }) => {
      const t = weights[name];
      if (!t || t.dims.length !== shape.length || t.dims.some((d, i) => d !== shape[i]))
        throw new StrataError(
          'invalid_model',
          `the base model has ${t ? `"${name}" of shape [${t.dims.join(', ')}], not [${shape.join(', ')}]` : `no weights "${name}"`}. Was it quantised or changed? Give the model as it was trained.`,
          { where: { field: 'inputs.base', layer: name } },
        );
      return [name, t];
    }),
  );
}
