import { z } from 'zod';

const count = (least: number, most: number) => z.number().int().min(least).max(most);

/** What causal-lm and masked-lm share: data, tokenizer, model, optimiser. Names are those of Hugging Face and GPT. */
export const dataParams = {
  text_column: z.string().min(1).default('text').describe('Column with the texts; a plain text file has one column'),
  validation_fraction: z
    .number()
    .min(0)
    .max(0.5)
    .default(0.1)
    .describe('Share of the text, at its end, that is kept for validation; 0: none'),
  tokenizer: z
    .enum(['char', 'bpe', 'wordpiece', 'unigram', 'word'])
    .default('char')
    .describe('Kind of tokenizer that is learned from the training text; not used when a tokenizer is an input'),
  vocab_size: count(8, 262_144).default(8192).describe('Most tokens that the tokenizer learns'),
  block_size: count(2, 8192).default(64).describe('Tokens of a sequence'),
};

export const modelParams = {
  n_layer: count(1, 96).default(4).describe('Transformer blocks'),
  n_head: count(1, 128).default(4).describe('Attention heads'),
  n_kv_head: count(1, 128)
    .nullable()
    .default(null)
    .describe('Heads for keys and values, a divisor of n_head (grouped-query attention); null: n_head'),
  n_embd: count(2, 8192).default(128).describe('Width of the model, a multiple of n_head'),
  n_inner: count(2, 65_536)
    .nullable()
    .default(null)
    .describe('Width inside the feed-forward layers; null: 4 n_embd, with a gate 8/3 n_embd'),
  position: z
    .enum(['learned', 'rotary', 'sinusoidal', 'alibi', 'none'])
    .default('learned')
    .describe('How the model knows the order of tokens'),
  norm: z.enum(['layernorm', 'rmsnorm']).default('layernorm').describe('Kind of normalisation'),
  bias: z.boolean().default(true).describe('Biases in dense layers and layer normalisations'),
  tie_word_embeddings: z.boolean().default(true).describe('The output layer uses the table of token embeddings'),
  dropout: z.number().min(0).lt(1).default(0).describe('Share of activations that a training step leaves out'),
};
export const activation = z.enum(['gelu', 'gelu_tanh', 'relu', 'silu', 'swiglu', 'geglu']);

export const trainingParams = {
  max_steps: count(1, 10_000_000).default(2000).describe('Steps of the optimiser'),
  batch_size: count(1, 4096).default(12).describe('Sequences that run at once'),
  gradient_accumulation_steps: count(1, 1024).default(1).describe('Batches whose gradients make one step'),
  optimizer: z.enum(['adamw', 'adam', 'sgd', 'lion', 'muon']).default('adamw').describe('Optimiser'),
  learning_rate: z.number().positive().max(10).default(1e-3).describe('Highest learning rate'),
  min_learning_rate: z.number().min(0).max(10).default(1e-4).describe('Learning rate of the last step'),
  lr_scheduler: z.enum(['cosine', 'linear', 'constant']).default('cosine').describe('Course of the learning rate'),
  warmup_steps: count(0, 1_000_000).default(100).describe('Steps over which the learning rate rises'),
  adam_beta1: z.number().min(0).lt(1).default(0.9).describe('Decay of the mean of gradients (of the momentum for sgd)'),
  adam_beta2: z.number().min(0).lt(1).default(0.99).describe('Decay of the mean of squared gradients'),
  weight_decay: z.number().min(0).max(10).default(0.1).describe('Weight decay of matrices'),
  max_grad_norm: z
    .number()
    .min(0)
    .default(1)
    .describe('Gradients are scaled down when their joint norm is larger; 0: never'),
  eval_interval: count(1, 1_000_000).default(500).describe('Steps between validations'),
  eval_windows: count(1, 1_000_000)
    .default(128)
    .describe('Validation sequences of each of them, evenly spread; the final figure comes from all'),
};
