import { StrataError } from '@strata/kernel';
import type { TransformerConfig } from '@strata/nn';
import { adam, adamw, lion, muon, schedule, sgd, type Batches, type Optimizer, type Schedule } from '@strata/training';

export interface TrainingParams {
  readonly max_steps: number;
  readonly optimizer: 'adamw' | 'adam' | 'sgd' | 'lion' | 'muon';
  readonly learning_rate: number;
  readonly min_learning_rate: number;
  readonly lr_scheduler: 'cosine' | 'linear' | 'constant';
  readonly warmup_steps: number;
  readonly adam_beta1: number;
  readonly adam_beta2: number;
  readonly weight_decay: number;
}

export function optimizerOf(p: TrainingParams): Optimizer {
  const betas = [p.adam_beta1, p.adam_beta2] as const;
  const weightDecay = p.weight_decay;
  switch (p.optimizer) {
    case 'adamw':
      return adamw({ betas, weightDecay });
    case 'adam':
      return adam({ betas, weightDecay });
    case 'lion':
      return lion({ betas, weightDecay });
    case 'muon':
      // tables and the output layer are no maps between hidden states: AdamW trains them
      return muon({
        weightDecay,
        adjust: 'match_rms_adamw',
        isHidden: (x) => x.shape.length === 2 && !/(^|\/)(tokens|positions|types|lm_head|mlm)\//.test(x.name),
      });
    case 'sgd':
      return sgd({ momentum: p.adam_beta1, weightDecay });
  }
}

/** @throws StrataError `invalid_parameter` */
export function scheduleOf(p: TrainingParams): Schedule {
  if (p.min_learning_rate > p.learning_rate)
    throw new StrataError(
      'invalid_parameter',
      `min_learning_rate ${p.min_learning_rate} is larger than learning_rate ${p.learning_rate}.`,
      { where: { field: 'params.min_learning_rate' } },
    );
  const common = { learningRate: p.learning_rate, warmupSteps: Math.min(p.warmup_steps, p.max_steps - 1) };
  if (p.lr_scheduler === 'constant') return schedule({ kind: 'constant', ...common });
  return schedule({ kind: p.lr_scheduler, endFactor: p.min_learning_rate / p.learning_rate, ...common });
}

export interface ModelParams {
  readonly block_size: number;
  readonly n_layer: number;
  readonly n_head: number;
  readonly n_kv_head: number | null;
  readonly n_embd: number;
  readonly n_inner: number | null;
  readonly position: 'learned' | 'rotary' | 'sinusoidal' | 'alibi' | 'none';
  readonly norm: 'layernorm' | 'rmsnorm';
  readonly activation: 'gelu' | 'gelu_tanh' | 'relu' | 'silu' | 'swiglu' | 'geglu';
  readonly bias: boolean;
  readonly tie_word_embeddings: boolean;
  readonly dropout: number;
}

/** The model's configuration. @throws StrataError `invalid_parameter` when sizes do not fit together */
export function configOf(p: ModelParams, vocabSize: number): TransformerConfig {
  const refuse = (field: string, message: string): never => {
    throw new StrataError('invalid_parameter', message, { where: { field: `params.${field}` } });
  };
  if (p.n_embd % p.n_head !== 0) refuse('n_embd', `n_embd ${p.n_embd} is not a multiple of n_head ${p.n_head}.`);
  if (p.n_kv_head !== null && p.n_head % p.n_kv_head !== 0)
    refuse('n_kv_head', `n_kv_head ${p.n_kv_head} does not divide n_head ${p.n_head}.`);
  if (p.position === 'rotary' && (p.n_embd / p.n_head) % 2 !== 0)
    refuse('n_head', `rotary positions need heads of an even width, not ${p.n_embd / p.n_head}.`);
  return {
    vocab_size: vocabSize,
    block_size: p.block_size,
    n_layer: p.n_layer,
    n_head: p.n_head,
    n_kv_head: p.n_kv_head ?? p.n_head,
    n_embd: p.n_embd,
    n_inner: p.n_inner ?? undefined,
    position: p.position,
    norm: p.norm,
    activation: p.activation,
    bias: p.bias,
    tie_word_embeddings: p.tie_word_embeddings,
    dropout: p.dropout,
  };
}

/** At most `most` rows, evenly spread. */
export function evenly(data: Batches, most: number): Batches {
  const rows = Math.min(data.rows, most);
  return { rows, feeds: (at) => data.feeds(at.map((r) => Math.floor((r * data.rows) / rows))) };
}
